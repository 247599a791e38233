package persistence

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/statefun-go/statefun/functions"
)

// KeyGroup is the unit of placement and migration: the hash of an id, modulo
// the application's number of key groups.
type KeyGroup uint16

// MaxKeyGroups is the largest number of key groups; the groups above are the
// journal's own.
const MaxKeyGroups = 1 << 15

// DefaultKeyGroups is the number of key groups of a new application.
const DefaultKeyGroups = 128

// GroupOf places an id among groups key groups. All function types of one id
// share its group.
func GroupOf(id string, groups int) KeyGroup {
	return KeyGroup(xxhash.Sum64String(id) % uint64(groups))
}

// Keys are big-endian: key group, section, then the section's own order. A key
// group is one range, and within it an address is one range per section.
const (
	journalGroup KeyGroup = 0xffff // what belongs to the journal, not to a key group

	sectionAddress    byte = 'a' // records, list and map entries
	sectionInbox      byte = 'i' // waiting messages: windows and spilled chunks
	sectionTimer      byte = 't' // delayed messages by (due, sequence)
	sectionToken      byte = 'k' // cancellation tokens by id
	sectionAsync      byte = 'y' // pending asynchronous work
	sectionQuarantine byte = 'q' // messages set aside
	sectionMeta       byte = 'm' // marker, state specs, positions
	sectionEgress     byte = 'e' // queued egress records

	kindRecord  byte = 1
	kindLarge   byte = 2 // a value too large for its record
	kindEntry   byte = 3 // list and map entries
	kindAttempt byte = 4 // attempts made durable after unclean starts

	inboxWindow byte = 'w'
	inboxChunk  byte = 's'
)

func groupKey(g KeyGroup, section byte) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 0, 64), uint16(g)), section)
}

// appendAddress writes an address so that no address is a prefix of another.
func appendAddress(k []byte, a functions.Address) []byte { return appendTypeAndID(k, a.Type, a.ID) }

func appendTypeAndID[ID ~string | ~[]byte](k []byte, t functions.TypeName, id ID) []byte {
	k = append(binary.BigEndian.AppendUint16(k, uint16(len(t))), t...)
	return append(binary.BigEndian.AppendUint32(k, uint32(len(id))), id...)
}

func cutAddress(k []byte) (functions.Address, []byte, error) {
	typ, k, err := cutBytes16(k)
	if err != nil {
		return functions.Address{}, nil, err
	}
	id, k, err := cutBytes32(k)
	if err != nil {
		return functions.Address{}, nil, err
	}
	return functions.Address{Type: functions.TypeName(typ), ID: string(id)}, k, nil
}

func cutBytes16(k []byte) (v, rest []byte, err error) {
	if len(k) < 2 || len(k)-2 < int(binary.BigEndian.Uint16(k)) {
		return nil, nil, fmt.Errorf("persistence: key ends early: %x", k)
	}
	n := 2 + int(binary.BigEndian.Uint16(k))
	return k[2:n], k[n:], nil
}

func cutBytes32(k []byte) (v, rest []byte, err error) {
	if len(k) < 4 || len(k)-4 < int(binary.BigEndian.Uint32(k)) {
		return nil, nil, fmt.Errorf("persistence: key ends early: %x", k)
	}
	n := 4 + int(binary.BigEndian.Uint32(k))
	return k[4:n], k[n:], nil
}

func addressKey(g KeyGroup, section byte, a functions.Address) []byte {
	return appendAddress(groupKey(g, section), a)
}

// cutAddressKey takes a key of an address apart.
func cutAddressKey(k []byte) (g KeyGroup, a functions.Address, rest []byte, err error) {
	if len(k) < 3 {
		return 0, a, nil, fmt.Errorf("persistence: key ends early: %x", k)
	}
	a, rest, err = cutAddress(k[3:])
	return KeyGroup(binary.BigEndian.Uint16(k)), a, rest, err
}

func recordKey(g KeyGroup, a functions.Address) []byte {
	return append(addressKey(g, sectionAddress, a), kindRecord)
}

// appendRecordKey is recordKey for the parts of an address.
func appendRecordKey[ID ~string | ~[]byte](k []byte, g KeyGroup, t functions.TypeName, id ID) []byte {
	k = append(binary.BigEndian.AppendUint16(k, uint16(g)), sectionAddress)
	return append(appendTypeAndID(k, t, id), kindRecord)
}

// isRecordKey reports whether a key of a group's addresses is a record's.
func isRecordKey(k []byte) bool {
	_, _, rest, err := cutAddressKey(k)
	return err == nil && len(rest) == 1 && rest[0] == kindRecord
}

// windowKey is the row of the waiting messages that an address holds in memory.
func windowKey(g KeyGroup, a functions.Address) []byte {
	return append(addressKey(g, sectionInbox, a), inboxWindow)
}

func chunkPrefix(g KeyGroup, a functions.Address) []byte {
	return append(addressKey(g, sectionInbox, a), inboxChunk)
}

// chunkKey is the row of some of the messages that were spilled.
func chunkKey(g KeyGroup, a functions.Address, first Sequence) []byte {
	return binary.BigEndian.AppendUint64(chunkPrefix(g, a), uint64(first))
}

// LargeKey is the row of a value that is too large for its record.
func LargeKey(g KeyGroup, a functions.Address, id SpecID) []byte {
	k := append(addressKey(g, sectionAddress, a), kindLarge)
	return binary.BigEndian.AppendUint32(k, uint32(id))
}

// EntryPrefix begins the keys of one generation of a list's or map's entries.
// Clearing begins a new generation, whose number was never used before.
func EntryPrefix(g KeyGroup, a functions.Address, id SpecID, generation uint64) []byte {
	k := append(addressKey(g, sectionAddress, a), kindEntry)
	k = binary.BigEndian.AppendUint32(k, uint32(id))
	return binary.BigEndian.AppendUint64(k, generation)
}

// AttemptKey is the row of the attempts at an address's next message.
func AttemptKey(g KeyGroup, a functions.Address) []byte {
	return append(addressKey(g, sectionAddress, a), kindAttempt)
}

// TimerKey orders timers by due time (milliseconds since 1970), then sequence.
func TimerKey(g KeyGroup, due int64, s Sequence) []byte {
	k := make([]byte, 0, timerKeyBytes) // there are many of them
	k = append(binary.BigEndian.AppendUint16(k, uint16(g)), sectionTimer)
	k = binary.BigEndian.AppendUint64(k, uint64(due))
	return binary.BigEndian.AppendUint64(k, uint64(s))
}

const timerKeyBytes = 3 + 8 + 8

// CutTimerKey takes a timer's key apart.
func CutTimerKey(k []byte) (g KeyGroup, due int64, s Sequence, err error) {
	if !IsTimerKey(k) {
		return 0, 0, 0, fmt.Errorf("persistence: not the key of a timer: %x", k)
	}
	return KeyGroup(binary.BigEndian.Uint16(k)), int64(binary.BigEndian.Uint64(k[3:])),
		Sequence(binary.BigEndian.Uint64(k[11:])), nil
}

// IsTimerKey reports whether a key is a timer's.
func IsTimerKey(k []byte) bool { return len(k) == timerKeyBytes && k[2] == sectionTimer }

// TimerRange holds all timers of a key group.
func TimerRange(g KeyGroup) KeyRange { return prefixRange(groupKey(g, sectionTimer)) }

// TokenKey is the row of a cancellation token; its scope is the sender's id,
// across function types.
func TokenKey(g KeyGroup, id, token string) []byte {
	k := groupKey(g, sectionToken)
	k = binary.BigEndian.AppendUint32(k, uint32(len(id)))
	return append(append(k, id...), token...)
}

// AsyncKey is the row of pending asynchronous work.
func AsyncKey(g KeyGroup, a functions.Address, s Sequence) []byte {
	return binary.BigEndian.AppendUint64(addressKey(g, sectionAsync, a), uint64(s))
}

// AsyncRange holds all pending asynchronous work of a key group.
func AsyncRange(g KeyGroup) KeyRange { return prefixRange(groupKey(g, sectionAsync)) }

// QuarantineKey is the row of a message that was set aside.
func QuarantineKey(g KeyGroup, a functions.Address, s Sequence) []byte {
	return binary.BigEndian.AppendUint64(addressKey(g, sectionQuarantine, a), uint64(s))
}

// QuarantineRange holds all quarantined messages of a key group.
func QuarantineRange(g KeyGroup) KeyRange { return prefixRange(groupKey(g, sectionQuarantine)) }

// CutAddressSequence takes apart a key that ends in an address and a sequence
// (asynchronous work, quarantine).
func CutAddressSequence(k []byte) (functions.Address, Sequence, error) {
	_, a, rest, err := cutAddressKey(k)
	if err == nil && len(rest) != 8 {
		err = fmt.Errorf("persistence: not the key of an address and a sequence: %x", k)
	}
	if err != nil {
		return a, 0, err
	}
	return a, Sequence(binary.BigEndian.Uint64(rest)), nil
}

// AddressRange holds the record and entries of one address; AddressesRange
// those of all addresses of a key group.
func AddressRange(g KeyGroup, a functions.Address) KeyRange {
	return prefixRange(addressKey(g, sectionAddress, a))
}

// AddressesRange holds the records and entries of a key group.
func AddressesRange(g KeyGroup) KeyRange { return prefixRange(groupKey(g, sectionAddress)) }

// MetaKey is a row of the journal's own, such as a position.
func MetaKey(name string) []byte { return append(groupKey(journalGroup, sectionMeta), name...) }

// EgressKey orders the records that wait in an egress's queue.
func EgressKey(egress functions.TypeName, s Sequence) []byte {
	return binary.BigEndian.AppendUint64(egressPrefix(egress), uint64(s))
}

// EgressRange holds an egress's queue.
func EgressRange(egress functions.TypeName) KeyRange { return prefixRange(egressPrefix(egress)) }

func egressPrefix(egress functions.TypeName) []byte {
	k := binary.BigEndian.AppendUint16(groupKey(journalGroup, sectionEgress), uint16(len(egress)))
	return append(k, egress...)
}

// TailSequence reads the sequence that a key ends in.
func TailSequence(k []byte) Sequence {
	return Sequence(binary.BigEndian.Uint64(k[len(k)-8:]))
}

// KeyRange is the keys in [Low, High).
type KeyRange struct {
	Low, High []byte
}

// prefixRange is all keys that begin with prefix.
func prefixRange(prefix []byte) KeyRange {
	high := append([]byte(nil), prefix...)
	for i := len(high) - 1; i >= 0; i-- {
		if high[i]++; high[i] != 0 {
			return KeyRange{prefix, high[:i+1]}
		}
	}
	return KeyRange{prefix, nil}
}

// PrefixRange is all keys that begin with prefix.
func PrefixRange(prefix []byte) KeyRange { return prefixRange(prefix) }

// InboxRange holds the windows and chunks of a key group.
func InboxRange(g KeyGroup) KeyRange { return prefixRange(groupKey(g, sectionInbox)) }

// TokensRange holds the cancellation tokens of a key group.
func TokensRange(g KeyGroup) KeyRange { return prefixRange(groupKey(g, sectionToken)) }

// CutTokenKey takes a cancellation token's key apart.
func CutTokenKey(k []byte) (g KeyGroup, id, token string, err error) {
	if len(k) < 3 || k[2] != sectionToken {
		return 0, "", "", fmt.Errorf("persistence: not the key of a token: %x", k)
	}
	b, rest, err := cutBytes32(k[3:])
	return KeyGroup(binary.BigEndian.Uint16(k)), string(b), string(rest), err
}

// EgressesRange holds the queues of all egresses.
func EgressesRange() KeyRange { return prefixRange(groupKey(journalGroup, sectionEgress)) }

// CutEgressKey takes the key of a queued egress record apart.
func CutEgressKey(k []byte) (egress functions.TypeName, s Sequence, err error) {
	if len(k) < 3 || k[2] != sectionEgress {
		return "", 0, fmt.Errorf("persistence: not the key of an egress record: %x", k)
	}
	name, rest, err := cutBytes16(k[3:])
	if err == nil && len(rest) != 8 {
		err = fmt.Errorf("persistence: not the key of an egress record: %x", k)
	}
	if err != nil {
		return "", 0, err
	}
	return functions.TypeName(name), TailSequence(k), nil
}

// IsKnownKey reports whether a key belongs to a section of one of the key groups,
// or of the journal's own.
func IsKnownKey(k []byte, groups int) bool {
	if len(k) < 3 {
		return false
	}
	switch g := KeyGroup(binary.BigEndian.Uint16(k)); {
	case g == journalGroup:
		return k[2] == sectionMeta || k[2] == sectionEgress
	case int(g) >= groups:
		return false
	}
	switch k[2] {
	case sectionAddress, sectionInbox, sectionTimer, sectionToken, sectionAsync, sectionQuarantine:
		return true
	}
	return false
}
