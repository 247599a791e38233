package inspection

import (
	"bytes"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// inboxRows checks each window and chunk, and that chunks do not overlap.
func (in *inspection) inboxRows(g persistence.KeyGroup) error {
	var of functions.Address
	var last persistence.Sequence // of the chunk before
	return in.scan(persistence.InboxRange(g), func(row persistence.Row) {
		r, err := persistence.DecodeInboxRow(row)
		if err != nil {
			in.report.add(CheckInbox, shorten(row.Key), "%v", err)
			return
		}
		where := r.Address.String()
		in.placed(CheckInbox, where, g, r.Address.ID)
		in.given(CheckInbox, where, r.Messages[len(r.Messages)-1].Sequence)
		if r.Window {
			in.report.Counts.Windows++
			return
		}
		in.report.Counts.Chunks++
		if first := r.Messages[0].Sequence; r.Address == of && first <= last {
			in.report.add(CheckInbox, where, "the chunk that begins with message %d overlaps the one before it, which ends with message %d", first, last)
		}
		of, last = r.Address, r.Messages[len(r.Messages)-1].Sequence
	})
}

// waiting reads what waits as a node does.
func (in *inspection) waiting() error {
	n := int64(0)
	err := in.view.Waiting(func(a functions.Address) error {
		if n++; n%64 == 0 {
			in.Progress("waiting messages", int64(in.view.Group(a.ID)), int64(in.report.Application.KeyGroups))
		}
		last := persistence.Sequence(0)
		err := in.view.Inbox(a, func(m *persistence.Message) {
			in.report.Counts.Waiting++
			last = m.Sequence
			if m.Type == actors.NudgeType {
				delete(in.nudged, a)
			}
		})
		if err != nil {
			in.report.add(CheckInbox, a.String(), "%v", err)
		}
		in.given(CheckInbox, a.String(), last)
		return in.Err()
	})
	for a, at := range in.nudged {
		in.report.add(CheckExpiry, a.String(), "nothing will remove what expires: it expects to be woken at %d ms, and there is no timer", at)
	}
	return err
}

func (in *inspection) timers(g persistence.KeyGroup) error {
	var inner error
	err := in.scan(persistence.TimerRange(g), func(row persistence.Row) {
		t, err := actors.DecodeTimer(row)
		if err != nil {
			in.report.add(CheckTimers, shorten(row.Key), "%v", err)
			return
		}
		in.report.Counts.Timers++
		owner := t.Message.Caller
		if owner.IsZero() {
			owner = t.Message.Target
		}
		in.placed(CheckTimers, "timer of "+owner.String(), g, owner.ID)
		in.given(CheckTimers, "timer of "+owner.String(), t.Sequence)
		if t.Token == "" {
			return
		}
		key, ok, err := in.view.Get(persistence.TokenKey(g, owner.ID, t.Token))
		if err != nil {
			inner = err
		} else if !ok || !bytes.Equal(key, row.Key) {
			in.report.add(CheckTokens, "timer of "+owner.String(), "its token %q does not lead to it: it cannot be cancelled", t.Token)
		}
	})
	if err == nil {
		err = inner
	}
	return err
}

func (in *inspection) tokens(g persistence.KeyGroup) error {
	var inner error
	err := in.scan(persistence.TokensRange(g), func(row persistence.Row) {
		_, id, token, err := persistence.CutTokenKey(row.Key)
		if err != nil {
			in.report.add(CheckTokens, shorten(row.Key), "%v", err)
			return
		}
		in.report.Counts.Tokens++
		in.placed(CheckTokens, "token of id "+id, g, id)
		value, ok, err := in.view.Get(row.Value)
		if err != nil {
			inner = err
			return
		}
		t, err := actors.DecodeTimer(persistence.Row{Key: row.Value, Value: value})
		if !ok || err != nil || t.Token != token || t.Message.Caller.ID != id {
			in.report.add(CheckTokens, "token of id "+id, "%q leads to no timer of its own: no message can be sent under it again", token)
		}
	})
	if err == nil {
		err = inner
	}
	return err
}

func (in *inspection) async(g persistence.KeyGroup) error {
	return in.scan(persistence.AsyncRange(g), func(row persistence.Row) {
		a, s, _, err := actors.DecodeAsync(row)
		if err != nil {
			in.report.add(CheckAsync, shorten(row.Key), "%v", err)
			return
		}
		in.report.Counts.Async++
		in.placed(CheckAsync, a.String(), g, a.ID)
		in.given(CheckAsync, a.String(), s)
	})
}

func (in *inspection) quarantine(g persistence.KeyGroup) error {
	return in.scan(persistence.QuarantineRange(g), func(row persistence.Row) {
		q, err := actors.DecodeQuarantined(row)
		if err != nil {
			in.report.add(CheckQuarantine, shorten(row.Key), "%v", err)
			return
		}
		in.report.Counts.Quarantined++
		in.placed(CheckQuarantine, q.Address.String(), g, q.Address.ID)
		in.given(CheckQuarantine, q.Address.String(), persistence.Sequence(q.Sequence))
	})
}

func (in *inspection) egress() error {
	highest := in.view.HighestEgress()
	return in.scan(persistence.EgressesRange(), func(row persistence.Row) {
		name, s, err := persistence.CutEgressKey(row.Key)
		if err == nil {
			_, err = persistence.DecodeEgress(name, row)
		}
		if err != nil {
			in.report.add(CheckEgress, shorten(row.Key), "%v", err)
			return
		}
		in.report.Counts.Egress++
		if s > highest {
			in.report.add(CheckEgress, string(name), "its queue has record %d, the highest that was given out is %d", s, highest)
		}
	})
}
