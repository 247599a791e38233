package processors

import (
	"runtime"
	"testing"
)

func TestSpare(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	before := runtime.GOMAXPROCS(0)
	cores, undo := Spare()
	if now := runtime.GOMAXPROCS(0); cores != before || now != before+spare {
		t.Errorf("%d cores, %d processors, expected %d and %d", cores, now, before, before+spare)
	}
	if again, undo := Spare(); again != before || runtime.GOMAXPROCS(0) != before+spare {
		t.Errorf("the second time %d cores, %d processors, expected %d and %d", again, runtime.GOMAXPROCS(0), before, before+spare)
	} else {
		undo()
	}
	if undo(); runtime.GOMAXPROCS(0) != before {
		t.Errorf("%d processors in the end, expected %d", runtime.GOMAXPROCS(0), before)
	}
}

func TestWhoSetsTheNumberIsObeyed(t *testing.T) {
	t.Setenv("GOMAXPROCS", "3")
	before := runtime.GOMAXPROCS(0)
	cores, undo := Spare()
	if now := runtime.GOMAXPROCS(0); cores != before || now != before {
		t.Errorf("%d cores, %d processors, expected %d", cores, now, before)
	}
	undo()
}
