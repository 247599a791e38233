package actors

import (
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// The rows that this package keeps in a journal, for those who check one.

// NudgeType is the type of the messages by which addresses find out that some of
// their state may have expired.
const NudgeType = nudgeType

// TimerRow is a delayed message.
type TimerRow struct {
	Group    persistence.KeyGroup
	Due      int64 // milliseconds since 1970
	Sequence persistence.Sequence
	Token    string // "" if there is none; the sender's id is its scope
	Message  *persistence.Message
}

// DecodeTimer reads a row of a TimerRange.
func DecodeTimer(row persistence.Row) (TimerRow, error) {
	t, err := decodeTimer(row, nil)
	if err != nil {
		return TimerRow{}, err
	}
	return TimerRow{t.group, t.due, t.sequence, t.token, t.message}, nil
}

// Entries says where the entries of a list or map are: in one generation, those
// of a list at the positions from First to before End.
type Entries struct {
	Generation, First, End uint64
}

// DecodeEntries reads the cell of a list or map.
func DecodeEntries(cell []byte) (Entries, bool) {
	e, ok := decodeEntries(cell)
	return Entries{e.generation, e.first, e.end}, ok && e.first <= e.end
}

// DecodeAsync reads a row of an AsyncRange.
func DecodeAsync(row persistence.Row) (a functions.Address, s persistence.Sequence, name string, err error) {
	if a, s, err = persistence.CutAddressSequence(row.Key); err != nil {
		return a, s, "", err
	}
	name, _, err = decodeAsync(row.Value)
	return a, s, name, err
}

// DecodeQuarantined reads a row of a QuarantineRange.
func DecodeQuarantined(row persistence.Row) (Quarantined, error) { return decodeQuarantined(row) }
