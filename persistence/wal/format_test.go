package wal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden lists the files of a log of format version 1.
var golden = map[string]string{
	segmentName(1): "segment.hex",
	segmentName(4): "segment_of_copies.hex",
	witnessName:    "witness.hex",
}

// writeGolden writes a log with two segments: four batches, the last of which is
// not synced when the process dies, so that the next Open copies it.
func writeGolden(t *testing.T) *bench {
	b := setup(t)
	b.open(0, 0)
	b.append(2)
	b.sync()
	b.append(3)
	b.sync()
	b.append(4)
	b.kill()
	b.open(0, 4)
	b.append(5)
	b.close()
	return b
}

// The files of released versions must stay readable: when this test fails, the
// format has changed and needs a new version.
func TestGoldenBytes(t *testing.T) {
	t.Parallel()
	b := writeGolden(t)
	for name, file := range golden {
		path := filepath.Join("testdata", file)
		got := dump(b.content(b.opts.directory().join(name)))
		if *rewrite {
			b.must(os.WriteFile(path, []byte(got), 0o644))
		}
		want, err := os.ReadFile(path)
		b.must(err)
		if got != string(want) {
			t.Errorf("%s is\n%s\nexpected as in %s\n%s", name, got, path, want)
		}
	}
}

func TestGoldenBytesAreRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(b.opts.directory().make())
	for name, file := range golden {
		dump, err := os.ReadFile(filepath.Join("testdata", file))
		b.must(err)
		b.replace(b.opts.directory().join(name), undump(b, string(dump)))
	}
	b.open(0, 5)
	b.close()
}

// dump is hex.Dump without the lines that have only zeros.
func dump(content []byte) string {
	var lines strings.Builder
	for line := range strings.Lines(hex.Dump(content)) {
		if len(line) > 60 && strings.Trim(line[10:58], " 0") != "" {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// undump is the inverse of dump, except for zeros at the end.
func undump(b *bench, dump string) []byte {
	var content []byte
	for line := range strings.Lines(dump) {
		offset, err := strconv.ParseInt(line[:8], 16, 64)
		b.must(err)
		bytes, err := hex.DecodeString(strings.ReplaceAll(line[10:58], " ", ""))
		b.must(err)
		content = append(content, make([]byte, int(offset)-len(content))...)
		content = append(content, bytes...)
	}
	return content
}

func TestFrameNeedsItsSeed(t *testing.T) {
	t.Parallel()
	f := frame{kind: batchFrame, number: 7, durable: 6, payload: []byte("payload")}
	encoded := append(f.appendHeader(nil, segmentSeed(1, 2)), f.payload...)
	for _, wrong := range []seed{0, segmentSeed(2, 2), segmentSeed(1, 3)} {
		if _, err := decodeFrame(encoded, wrong); !errors.Is(err, errChecksum) {
			t.Errorf("seed %x: got %v", wrong, err)
		}
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(uint64(1), uint64(0), []byte("payload"), uint32(5))
	f.Add(uint64(0), uint64(1<<63), []byte{}, uint32(0))
	f.Fuzz(func(t *testing.T, number, durable uint64, payload []byte, s uint32) {
		in := frame{kind: batchFrame, number: number, durable: durable, payload: payload}
		encoded := append(in.appendHeader(nil, seed(s)), payload...)
		out, err := decodeFrame(encoded, seed(s))
		if err != nil || out.kind != in.kind || out.number != number || out.durable != durable || !bytes.Equal(out.payload, payload) {
			t.Fatalf("%v became %v, %v", in, out, err)
		}
		if _, err := decodeFrame(payload, seed(s)); err == nil && len(payload) < frameHeaderBytes {
			t.Fatal("decoded too few bytes")
		}
	})
}
