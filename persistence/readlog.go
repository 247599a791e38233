package persistence

import (
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/wal"
)

// ReadLog visits the batches in the log of a journal that is not open: the
// records that each of them leaves. It is for those who check a journal.
func ReadLog(env *environment.Environment, dir string, visit func(n BatchNumber, records map[functions.Address]Loaded) error) error {
	read := func(number uint64, payload []byte) error {
		records := map[functions.Address]Loaded{}
		_, err := decodePayload(payload, visitor{
			record: func(a functions.Address, value []byte) error {
				consumed, nudge, cells, err := decodeRecord(value)
				records[a] = Loaded{consumed, nudge, cells}
				return err
			},
			message: func(*Message) error { return nil },
			row:     func(Row) error { return nil },
			clear:   func(KeyRange) error { return nil },
		})
		if err != nil {
			return err
		}
		return visit(BatchNumber(number), records)
	}
	_, err := wal.Read(wal.Options{FS: env.FS, Dir: env.FS.PathJoin(dir, "log")}, 0, read)
	return err
}
