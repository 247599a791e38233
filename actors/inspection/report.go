package inspection

import (
	"fmt"

	"github.com/statefun-go/statefun/persistence/datadir"
	"github.com/statefun-go/statefun/persistence/wal"
)

// Report is what an inspection found.
type Report struct {
	Data        string              `json:"data"`
	Application datadir.Application `json:"application"`
	Log         wal.Extent          `json:"log"`
	// Marker is the last batch that is in the tables.
	Marker     uint64 `json:"marker"`
	Tables     int    `json:"tables"` // files
	TableBytes int64  `json:"table_bytes"`
	Counts     Counts `json:"counts"`
	// Complete says that nothing kept a check from being done.
	Complete bool      `json:"complete"`
	Problems []Problem `json:"problems"`
	// More is how many problems there are beyond those.
	More int64 `json:"more"`
}

// Counts are what the journal holds.
type Counts struct {
	Addresses   int64 `json:"addresses"` // with state
	States      int64 `json:"states"`
	Entries     int64 `json:"entries"` // of lists and maps
	LargeValues int64 `json:"large_values"`
	Waiting     int64 `json:"waiting_messages"`
	Windows     int64 `json:"windows"`
	Chunks      int64 `json:"chunks"`
	Timers      int64 `json:"timers"`
	Tokens      int64 `json:"tokens"`
	Async       int64 `json:"asynchronous_work"`
	Quarantined int64 `json:"quarantined_messages"`
	Egress      int64 `json:"egress_records"`
}

// A Problem is something that is not as it should be.
type Problem struct {
	// Check names the invariant or the part that was looked at.
	Check Check `json:"check"`
	// Where is a file, an address, or the like.
	Where string `json:"where"`
	What  string `json:"what"`
}

// Check names what a problem is about.
type Check string

// The checks, in their order.
const (
	CheckApplication Check = "application"
	CheckLog         Check = "log"
	CheckTables      Check = "tables"
	CheckKeys        Check = "keys"
	CheckStates      Check = "states"
	CheckExpiry      Check = "expiration"
	CheckInbox       Check = "inbox"
	CheckTimers      Check = "timers"
	CheckTokens      Check = "tokens"
	CheckAsync       Check = "asynchronous work"
	CheckQuarantine  Check = "quarantine"
	CheckEgress      Check = "egress"
)

// Advice says what a problem means, and what to do.
func (c Check) Advice() string {
	switch c {
	case CheckApplication:
		return "The directory's own description is not what was written. Take application.json from a backup of this directory."
	case CheckLog:
		return "What was acknowledged is lost or unreadable, and the node will not start. Check the disk, then take the whole directory from a backup."
	case CheckTables:
		return "State is lost or unreadable, and the node will not start, or will stop. Check the disk, then take the whole directory from a backup."
	}
	return "The files are as they were written, but do not fit together: this is a fault of the program. Keep a copy of the directory and report it."
}

// maxProblems are kept; the others are counted.
const maxProblems = 100

func (r *Report) add(c Check, where, format string, args ...any) {
	if len(r.Problems) >= maxProblems {
		r.More++
		return
	}
	r.Problems = append(r.Problems, Problem{c, where, fmt.Sprintf(format, args...)})
}

// Healthy reports whether everything was checked and is right.
func (r *Report) Healthy() bool { return r.Complete && len(r.Problems) == 0 }
