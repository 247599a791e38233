package http

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/internal/clip"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// Status is what is answered to GET /io.statefun/status: totals since the start
// of the node, and present values.
type Status struct {
	// Node is what Options.About says of the node.
	Node any `json:"node,omitempty"`
	// Bound is what Options.Bound has.
	Bound       []Bound                               `json:"bound,omitempty"`
	Accepted    uint64                                `json:"accepted"` // messages from outside
	Replies     uint64                                `json:"replies"`
	LateReplies uint64                                `json:"late_replies"` // that nobody waited for
	LiveGrains  int64                                 `json:"live_grains"`
	Waiting     int64                                 `json:"waiting_messages"` // in memory
	Quarantined int64                                 `json:"quarantined"`
	Async       int64                                 `json:"async_running"`
	Functions   map[functions.TypeName]FunctionStatus `json:"functions"`
	// Searching says that addresses whose messages wait since a former run are still
	// being looked for, Partial that part of the node was too busy to say what waits.
	Searching bool          `json:"searching,omitempty"`
	Partial   bool          `json:"partial,omitempty"`
	Journal   JournalStatus `json:"journal"`
	Disk      DiskStatus    `json:"disk"`
}

// DiskStatus says what is known of the disk that the data directory is on, in
// bytes. All is 0 if nobody looks.
type DiskStatus struct {
	Free    int64  `json:"free_bytes"`
	Total   int64  `json:"total_bytes"`
	Owed    int64  `json:"owed_bytes"` // of what is free, what is yet to be written
	Reserve int64  `json:"reserve_bytes"`
	Space   string `json:"space"` // ample, low: ingresses refuse, scarce: functions pause, too
}

// FunctionStatus are the totals of a function type, and what waits for it.
type FunctionStatus struct {
	In          uint64           `json:"in"`
	OutLocal    uint64           `json:"out_local"`
	OutEgress   uint64           `json:"out_egress"`
	Failures    uint64           `json:"failures"`
	Quarantined uint64           `json:"quarantined"`
	Counters    map[string]int64 `json:"counters,omitempty"` // the function's own
	Async       int64            `json:"async_running"`

	Pending int `json:"pending_messages"`  // in memory, those that are being handled included
	Spilled int `json:"spilled_addresses"` // that have more on disk
	Waiting int `json:"waiting_addresses"` // for their next attempt, or they cannot go on
	// Worst are some of these addresses: those with the most messages.
	Worst []WaitingAddress `json:"worst,omitempty"`

	// Endpoint is where the function is called; empty: here, as what follows.
	Endpoint        string         `json:"endpoint,omitempty"`
	InFlight        int64          `json:"requests_in_flight,omitempty"`
	Requests        uint64         `json:"requests,omitempty"`
	RequestFailures uint64         `json:"request_failures,omitempty"`
	Failing         *FailingStatus `json:"failing,omitempty"`
}

// WaitingAddress says why an address waits, and until when.
type WaitingAddress struct {
	Address functions.Address `json:"address"`
	Reason  string            `json:"reason"`
	Until   *time.Time        `json:"until,omitempty"` // none: open
	Pending int               `json:"pending_messages"`
	Spilled bool              `json:"spilled,omitempty"` // it has more on disk
}

// FailingStatus says since when no request has succeeded, and how the last one failed.
// Next is when one address may ask again, if the server is away and they take turns.
type FailingStatus struct {
	Since time.Time  `json:"since"`
	Error string     `json:"error"`
	Next  *time.Time `json:"next,omitempty"`
}

// JournalStatus says what the journal did and how large it is.
type JournalStatus struct {
	Batches          uint64  `json:"batches"`
	Messages         uint64  `json:"messages"`
	Elided           uint64  `json:"messages_elided"`
	LogWritten       uint64  `json:"log_bytes_written"`
	Materializations uint64  `json:"materializations"`
	LastSync         float64 `json:"last_sync_seconds"`
	LastMaterialize  float64 `json:"last_materialization_seconds"`
	LogBytes         int64   `json:"log_bytes"`
	OverlayBytes     int64   `json:"overlay_bytes"`
	TablesDisk       uint64  `json:"tables_disk_bytes"`
	TablesMemory     uint64  `json:"tables_memory_bytes"`
}

func (a *admin) status(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	m, b := a.meter.Metrics(), a.backlogs.get()
	return a.answer(w, Status{
		Node: a.about, Bound: a.bound, Searching: b.Searching, Partial: b.Partial, Accepted: m.Sends, Replies: m.Replies, LateReplies: m.LateReplies,
		LiveGrains: m.LiveGrains, Waiting: m.Held, Quarantined: m.Quarantined, Async: m.Async,
		Functions: functionStatus(m.Functions, &b), Journal: journalStatus(&m.Journal),
		Disk: diskStatus(&m.Journal.Space),
	})
}

func diskStatus(s *persistence.Space) DiskStatus {
	return DiskStatus{Free: s.Free, Total: s.Total, Owed: s.Owed, Reserve: s.Reserve, Space: s.Level.String()}
}

// maxWorst bounds the addresses that a status shows, and maxErrorBytes their reasons.
const (
	maxWorst      = 100
	maxErrorBytes = 512
)

func functionStatus(all map[functions.TypeName]actors.FunctionMetrics, b *actors.Backlog) map[functions.TypeName]FunctionStatus {
	out := make(map[functions.TypeName]FunctionStatus, len(all))
	room := maxWorst
	for _, t := range sortedTypes(all) {
		f := all[t]
		s := FunctionStatus{
			In: f.In, OutLocal: f.OutLocal, OutEgress: f.OutEgress, Failures: f.Failures, Quarantined: f.Quarantined,
			Counters: f.Counters, Async: f.Async,
			Endpoint: f.Endpoint, InFlight: f.InFlight, Requests: f.Latency.Count, RequestFailures: f.RequestFailures,
		}
		if f.Failing != nil {
			s.Failing = &FailingStatus{f.Failing.Since, clipped(f.Failing.Err.Error()), timeOf(f.Failing.Next)}
		}
		if w := b.Functions[t]; w != nil {
			s.Pending, s.Spilled, s.Waiting = w.Pending, w.Spilled, w.Waiting
			s.Worst = worst(w.Worst[:min(room, len(w.Worst))])
			room -= len(s.Worst)
		}
		out[t] = s
	}
	return out
}

func worst(all []actors.WaitingAddress) []WaitingAddress {
	out := make([]WaitingAddress, 0, len(all))
	for _, a := range all {
		out = append(out, WaitingAddress{
			Address: a.Address, Reason: clipped(a.Reason), Until: timeOf(a.Until), Pending: a.Pending, Spilled: a.Spilled,
		})
	}
	return out
}

// timeOf is nil for the zero time.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func clipped(s string) string { return clip.To(maxErrorBytes, s) }

func sortedTypes[F any](all map[functions.TypeName]F) []functions.TypeName {
	return slices.Sorted(maps.Keys(all))
}

func journalStatus(m *persistence.Metrics) JournalStatus {
	return JournalStatus{
		Batches: m.Batches, Messages: m.MessagesSent, Elided: m.MessagesElided,
		LogWritten: m.LogBytesWritten, Materializations: m.Materializations,
		LastSync: m.LastSync.Seconds(), LastMaterialize: m.LastMaterialize.Seconds(),
		LogBytes: m.LogBytes, OverlayBytes: m.OverlayBytes,
		TablesDisk: m.Tables.DiskBytes, TablesMemory: m.Tables.MemoryBytes,
	}
}
