package persistence

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"testing"
)

// The table against a map, through several uses of its memory.
func TestRecordTable(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	table := newRecordTable(maphash.MakeSeed())
	for range 5 {
		model := map[string][]byte{}
		for range rng.IntN(5000) {
			a := greeter.At(fmt.Sprint(rng.IntN(2000)))
			key := string(recordKey(GroupOf(a.ID, DefaultKeyGroups), a))
			value := make([]byte, rng.IntN(60))
			if rng.IntN(500) == 0 {
				value = make([]byte, arenaChunk+rng.IntN(10))
			}
			for i := range value {
				value[i] = byte(rng.Uint32())
			}
			table.set(table.add([]byte(key)), value)
			model[key] = value
		}
		checkTable(t, &table, model)
		table.reset()
		if table.len() != 0 || table.find(string(recordKey(0, greeter.At("1")))) >= 0 {
			t.Fatal("the table is not empty after a reset")
		}
	}
}

func checkTable(t *testing.T, table *recordTable, model map[string][]byte) {
	t.Helper()
	if table.len() != len(model) {
		t.Errorf("%d entries, expected %d", table.len(), len(model))
	}
	for key, value := range model {
		if i := table.find(key); i < 0 || !bytes.Equal(table.value(i), value) || string(table.key(i)) != key {
			t.Fatalf("%q has entry %d, expected one with %d bytes", key, i, len(value))
		}
	}
	if table.find("nobody") >= 0 {
		t.Error("an entry for a key that was never added")
	}
	var keys []string
	for i := range table.sorted() {
		keys = append(keys, string(table.key(i)))
	}
	if len(keys) != len(model) || !slices.IsSorted(keys) {
		t.Errorf("%d keys of %d, in order: %t", len(keys), len(model), slices.IsSorted(keys))
	}
}
