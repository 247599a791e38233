package commands

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions"
)

// messageFlags say what a message is.
type messageFlags struct {
	typ, value, file string
}

func (m *messageFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&m.typ, "type", "", "`type` of the message: namespace/name, or a built-in one's name")
	f.StringVar(&m.value, "value", "", "the message as `text`")
	f.StringVar(&m.file, "file", "", "`path` of the message, - for standard input")
}

// typeName reads --type. encode is nil if it is no built-in type.
func (m *messageFlags) typeName() (t functions.TypeName, encode func(text string) ([]byte, error), err error) {
	if t, encode = builtin(m.typ); t != "" {
		return t, encode, nil
	}
	if t, err = functions.ParseTypeName(m.typ); err != nil {
		return "", nil, exit.Usagef("--type: expected namespace/name, bool, int, long, float, double or string, found %q", m.typ)
	}
	return t, nil, nil
}

// read makes a message of --value or --file.
func (m *messageFlags) read(cmd *cobra.Command, in io.Reader) (functions.TypeName, []byte, error) {
	t, encode, err := m.typeName()
	if err != nil {
		return "", nil, err
	}
	var body []byte
	switch {
	case cmd.Flags().Changed("file"):
		body, err = m.readFile(in)
	case encode != nil:
		if body, err = encode(m.value); err != nil {
			err = exit.Usagef("--value: %q is no %s", m.value, m.typ)
		}
	default:
		body = []byte(m.value)
	}
	return t, body, err
}

func (m *messageFlags) readFile(in io.Reader) ([]byte, error) {
	if m.file == "-" {
		return io.ReadAll(in)
	}
	b, err := os.ReadFile(m.file)
	if err != nil {
		return nil, fmt.Errorf("--file: %w", err)
	}
	return b, nil
}

// builtin returns a built-in type, by its name or by what comes after the slash in
// it, and how its values are read from text.
func builtin(name string) (functions.TypeName, func(text string) ([]byte, error)) {
	switch name {
	case "bool", string(functions.Bool.Name()):
		return functions.Bool.Name(), fromText(functions.Bool, strconv.ParseBool)
	case "int", string(functions.Int.Name()):
		return functions.Int.Name(), fromText(functions.Int, func(s string) (int32, error) {
			v, err := strconv.ParseInt(s, 10, 32)
			return int32(v), err
		})
	case "long", string(functions.Long.Name()):
		return functions.Long.Name(), fromText(functions.Long, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
	case "float", string(functions.Float.Name()):
		return functions.Float.Name(), fromText(functions.Float, func(s string) (float32, error) {
			v, err := strconv.ParseFloat(s, 32)
			return float32(v), err
		})
	case "double", string(functions.Double.Name()):
		return functions.Double.Name(), fromText(functions.Double, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case "string", string(functions.String.Name()):
		return functions.String.Name(), functions.String.Encode
	}
	return "", nil
}

func fromText[T any](t functions.Type[T], parse func(string) (T, error)) func(string) ([]byte, error) {
	return func(text string) ([]byte, error) {
		v, err := parse(text)
		if err != nil {
			return nil, err
		}
		return t.Encode(v)
	}
}
