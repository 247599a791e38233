package http

import (
	"net/http"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// Status is what is answered to GET /io.statefun/status: totals since the start
// of the node, and present values.
type Status struct {
	// Node is what Options.About says of the node.
	Node        any                                   `json:"node,omitempty"`
	Accepted    uint64                                `json:"accepted"` // messages from outside
	Replies     uint64                                `json:"replies"`
	LateReplies uint64                                `json:"late_replies"` // that nobody waited for
	LiveGrains  int64                                 `json:"live_grains"`
	Waiting     int64                                 `json:"waiting_messages"` // in memory
	Quarantined int64                                 `json:"quarantined"`
	Async       int64                                 `json:"async_running"`
	Functions   map[functions.TypeName]FunctionStatus `json:"functions"`
	Journal     JournalStatus                         `json:"journal"`
	Disk        DiskStatus                            `json:"disk"`
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

// FunctionStatus are the totals of a function type.
type FunctionStatus struct {
	In          uint64           `json:"in"`
	OutLocal    uint64           `json:"out_local"`
	OutEgress   uint64           `json:"out_egress"`
	Failures    uint64           `json:"failures"`
	Quarantined uint64           `json:"quarantined"`
	Counters    map[string]int64 `json:"counters,omitempty"` // the function's own
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
	m := a.meter.Metrics()
	return a.answer(w, Status{
		Node: a.about, Accepted: m.Sends, Replies: m.Replies, LateReplies: m.LateReplies,
		LiveGrains: m.LiveGrains, Waiting: m.Held, Quarantined: m.Quarantined, Async: m.Async,
		Functions: functionStatus(m.Functions), Journal: journalStatus(&m.Journal),
		Disk: diskStatus(&m.Journal.Space),
	})
}

func diskStatus(s *persistence.Space) DiskStatus {
	return DiskStatus{Free: s.Free, Total: s.Total, Owed: s.Owed, Reserve: s.Reserve, Space: s.Level.String()}
}

func functionStatus(all map[functions.TypeName]actors.FunctionMetrics) map[functions.TypeName]FunctionStatus {
	out := make(map[functions.TypeName]FunctionStatus, len(all))
	for t := range all {
		f := all[t]
		out[t] = FunctionStatus{f.In, f.OutLocal, f.OutEgress, f.Failures, f.Quarantined, f.Counters}
	}
	return out
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
