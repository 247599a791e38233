package actors

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// numberedSink is an exactly-once sink. The programs number the records of each
// id, so that one that is missing, doubled or early shows at once.
type numberedSink struct {
	simulation *simulation
	records    []string
	counts     map[string]int // of the records, by id
	ever       []string       // what was delivered at each position, whenever
	broken     error
}

// Open goes back to the journaled position. The records behind it were durable
// before they were delivered: they will come again.
func (m *numberedSink) Open(position []byte) error {
	n := uint64(0)
	if position != nil {
		n = binary.BigEndian.Uint64(position)
	}
	if n > uint64(len(m.records)) {
		return fmt.Errorf("position %d, but only %d records are here", n, len(m.records))
	}
	for _, r := range m.records[n:] {
		id, _, _ := strings.Cut(r, "/")
		m.counts[id]--
	}
	m.records = m.records[:n]
	return nil
}

func (m *numberedSink) Deliver(_ context.Context, records []persistence.EgressRecord) ([]byte, error) {
	for _, r := range records {
		text, err := functions.String.Decode(r.Value)
		if err == nil {
			err = m.add(text)
		}
		if err != nil {
			m.broken = fmt.Errorf("egress record %d: %w", len(m.records), err)
			return nil, m.broken
		}
	}
	return binary.BigEndian.AppendUint64(nil, uint64(len(m.records))), nil
}

func (m *numberedSink) add(record string) error {
	if at := len(m.records); at == len(m.ever) {
		m.ever = append(m.ever, record)
	} else if m.ever[at] != record {
		return fmt.Errorf("%s, it was %s before the crash", record, m.ever[at])
	}
	id, number, _ := strings.Cut(record, "/")
	n, err := strconv.Atoi(number)
	if err != nil || n != m.counts[id]+1 {
		return fmt.Errorf("%s after %d", record, m.counts[id])
	}
	m.records = append(m.records, record)
	m.counts[id] = n
	w := m.simulation.observe(id)
	if w.Emitted[id] < n {
		return fmt.Errorf("%s has left before it is durable", record)
	}
	return nil
}

func (*numberedSink) Close() error { return nil }
