package detection

import (
	"reflect"
	"testing"

	"go.uber.org/goleak"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Those who send to the function under test.
var (
	alice  = functionstest.Caller(functions.TypeName("test/caller").At("alice"))
	bob    = functionstest.Caller(functions.TypeName("test/caller").At("bob"))
	toBoth = []functions.Address{functions.TypeName("test/caller").At("alice"), functions.TypeName("test/caller").At("bob")}
)

// to is a message to a function, as in Effects.Sent.
func to(a functions.Address, m functions.Message) functionstest.Sent {
	return functionstest.Sent{To: a, Message: m}
}

// toAll is the same message to several.
func toAll(all []functions.Address, m functions.Message) (out []functionstest.Sent) {
	for _, a := range all {
		out = append(out, to(a, m))
	}
	return out
}

func wantSent(t *testing.T, eff functionstest.Effects, want ...functionstest.Sent) {
	t.Helper()
	if len(eff.Sent)+len(want) > 0 && !reflect.DeepEqual(eff.Sent, want) {
		t.Errorf("sent %v\nwant %v", eff.Sent, want)
	}
}

func wantNothingLeft(t *testing.T, k *functionstest.Kit, id string) {
	t.Helper()
	if names := k.States(id); len(names) > 0 || len(k.Pending()) > 0 {
		t.Errorf("%s still has %v, pending %v", id, names, k.Pending())
	}
}
