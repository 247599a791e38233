package datadir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
)

// Application is what a data directory says of the application it belongs to.
type Application struct {
	Format int    `json:"format"`
	Name   string `json:"name"`
	// KeyGroups is fixed for ever: it places every id.
	KeyGroups int `json:"key_groups"`
}

const applicationFile = "application.json"

// storedApplication is what is in the file.
type storedApplication struct {
	Application

	// Checksum is the CRC-32C of the other fields, in hexadecimal: one bit of
	// key_groups is enough to lose every id.
	Checksum string `json:"checksum,omitempty"`
}

const checksumSince = 2 // format

func (a Application) checksum() string {
	text := fmt.Sprintf("%d %q %d", a.Format, a.Name, a.KeyGroups)
	return fmt.Sprintf("%08x", crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
}

// decodeApplication reads the file. What a newer format says beyond its number is
// not judged.
func decodeApplication(b []byte) (Application, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &version); err != nil {
		return Application{}, err
	}
	if version.Format > Format {
		return Application{Format: version.Format}, nil
	}
	var s storedApplication
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Application{}, err
	}
	a := s.Application
	if a.Format < 1 || a.Name == "" || a.KeyGroups < 1 {
		return a, fmt.Errorf("expected format, name and key_groups, found %s", b)
	}
	if sum := a.checksum(); a.Format >= checksumSince && s.Checksum != sum {
		return a, fmt.Errorf("its content has the checksum %s, it says %q", sum, s.Checksum)
	}
	return a, nil
}

func (d *Dir) applicationPath() string { return d.fs.PathJoin(d.path, applicationFile) }

func (d *Dir) writeApplication() error {
	s := storedApplication{Application: d.Application}
	if s.Format >= checksumSince {
		s.Checksum = s.checksum()
	}
	return d.writeJSON(d.applicationPath(), s)
}
