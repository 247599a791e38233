package module

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// StartupType is where an ingress begins to read that has never read.
type StartupType string

// Where ingresses begin. Kinesis has neither StartupGroupOffsets nor
// StartupSpecificOffsets.
const (
	StartupGroupOffsets    StartupType = "group-offsets"
	StartupEarliest        StartupType = "earliest"
	StartupLatest          StartupType = "latest"
	StartupSpecificOffsets StartupType = "specific-offsets"
	StartupDate            StartupType = "date"
)

// StartupPosition is where an ingress begins to read that has never read.
type StartupPosition struct {
	// Type is StartupLatest unless another is given.
	Type StartupType
	// Offsets, of StartupSpecificOffsets. Partitions that are not here begin as with
	// StartupGroupOffsets.
	Offsets []PartitionOffset
	// Date, of StartupDate.
	Date time.Time
}

// PartitionOffset is the offset of the first record to read.
type PartitionOffset struct {
	Topic     string
	Partition int32
	Offset    int64
}

const (
	datePattern = "yyyy-MM-dd HH:mm:ss.SSS Z"
	dateLayout  = "2006-01-02 15:04:05.000 -0700"
)

// bindStartup reads a startup position that is one of types.
func bindStartup(v *Value, types []StartupType) StartupPosition {
	p := StartupPosition{Type: StartupLatest}
	o, ok := v.Object()
	if !ok {
		return p
	}
	typ := o.Need("type", "one of "+bracketed(types))
	if text, ok := typ.Text(); ok {
		p.Type = StartupType(text)
		if !slices.Contains(types, p.Type) {
			typ.Errorf("Invalid startup position type: %s; valid values are %s", typ.bare(), bracketed(types))
			o.open = true
			return p
		}
	}
	if p.Type == StartupSpecificOffsets {
		p.Offsets = bindOffsets(o.Need("offsets", "a list of <topic>/<partition>: <offset>"))
	} else if slices.Contains(types, StartupSpecificOffsets) {
		o.Unused("with type "+string(p.Type), "offsets")
	}
	if p.Type == StartupDate {
		p.Date = bindDate(o.Need("date", "a date such as 2020-02-01 04:15:00.000 +0000"))
	} else {
		o.Unused("with type "+string(p.Type), "date")
	}
	return p
}

func bracketed[T ~string](values []T) string {
	s := make([]string, len(values))
	for i, v := range values {
		s[i] = string(v)
	}
	return "[" + strings.Join(s, ", ") + "]"
}

func bindDate(v *Value) time.Time {
	s, ok := v.Text()
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(dateLayout, s)
	if err != nil {
		v.Errorf("Unable to parse date string for startup position: %s; the date should conform to the pattern %s", v.bare(), datePattern)
	}
	return t
}

func bindOffsets(v *Value) []PartitionOffset {
	items, ok := v.List()
	if ok && len(items) == 0 {
		v.Errorf("Provided specific offsets must not be empty. Expected a list of <topic>/<partition>: <offset>, found an empty one")
	}
	var offsets []PartitionOffset
	at := map[PartitionOffset]int{} // by partition
	for _, item := range items {
		o, ok := item.Object()
		if !ok {
			continue
		}
		keys := o.Keys()
		if len(keys) != 1 {
			item.Errorf("expected a mapping with one entry, such as topic/0: 91, found %d entries", len(keys))
			continue
		}
		p, problem := parsePartition(keys[0])
		if problem != "" {
			item.Errorf("%s", problem)
			continue
		}
		value := o.Get(keys[0])
		if value == nil {
			item.Errorf("expected the offset of %s, found nothing", quote(keys[0]))
			continue
		}
		i, again := at[p]
		if !again {
			i = len(offsets)
			at[p] = i
			offsets = append(offsets, p)
		} else {
			item.Warnf("%s is here twice, the last one counts", quote(keys[0]))
		}
		offsets[i].Offset, _ = value.Int(0, math.MaxInt64)
	}
	return offsets
}

// parsePartition reads "topic/partition".
func parsePartition(s string) (p PartitionOffset, problem string) {
	slash := strings.LastIndexByte(s, '/')
	if slash <= 0 || slash == len(s)-1 {
		return p, fmt.Sprintf("%s does not conform to the <topic>/<partition_id> format", clipped(s))
	}
	n, err := strconv.ParseInt(s[slash+1:], 10, 32)
	if err != nil || n < 0 {
		return p, fmt.Sprintf("Invalid topic partition definition: %s; expected an integer from 0 to %d as partition", clipped(s), math.MaxInt32)
	}
	return PartitionOffset{Topic: s[:slash], Partition: int32(n)}, ""
}
