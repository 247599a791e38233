package commands

import (
	"testing"

	door "github.com/statefun-go/statefun/connectors/http"
)

func TestDiskSentence(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]door.DiskStatus{
		"free space is not looked at": {Space: "ample"},
		"3.0 GiB free (1.0 MiB of that is yet to be written), 256.0 MiB are kept in reserve":                                                       {Space: "ample", Free: 3 << 30, Owed: 1 << 20, Reserve: 256 << 20},
		"200.0 MiB free: less than the reserve of 256.0 MiB, so messages from outside are refused until there is more":                             {Space: "low", Free: 200 << 20, Reserve: 256 << 20},
		"100.0 MiB free: less than half of the reserve of 256.0 MiB, so messages from outside are refused and functions pause until there is more": {Space: "scarce", Free: 100 << 20, Reserve: 256 << 20},
	} {
		if got := diskSentence(&d); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
