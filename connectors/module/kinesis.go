package module

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/statefun-go/statefun/functions"
)

// The kinds of Kinesis.
const (
	KindKinesisIngress functions.TypeName = "io.statefun.kinesis.v1/ingress"
	KindKinesisEgress  functions.TypeName = "io.statefun.kinesis.v1/egress"
)

// KinesisIngress reads streams. The partition key of a record is the id of the
// instance that it goes to.
type KinesisIngress struct {
	Definition

	ID          functions.TypeName
	Region      AWSRegion
	Credentials AWSCredentials
	// Streams is not empty.
	Streams         []Route
	StartupPosition StartupPosition
	// Properties are those of the client. StateFun takes keys that begin with
	// "flink." or "aws." as they are, and puts "aws.clientconfig." before others.
	Properties []Property
}

// IngressID implements Ingress.
func (k *KinesisIngress) IngressID() functions.TypeName { return k.ID }

// String implements Component.
func (k *KinesisIngress) String() string {
	return fmt.Sprintf("ingress %s, %s", k.ID, sources("stream", k.Streams))
}

func bindKinesisIngress(d Definition, spec *Object) Component {
	spec.within("Error parsing an AutoRoutableKinesisIngressSpec.")
	k := &KinesisIngress{Definition: d}
	k.ID, _ = spec.Need("id", "<namespace>/<name>").TypeName()
	k.Region = bindRegion(spec.Get("awsRegion"))
	k.Credentials = bindCredentials(spec.Get("awsCredentials"))
	streams := spec.Get("streams")
	k.Streams = bindRoutes(streams, "stream")
	if streams == nil || streams.shape == list && len(streams.items) == 0 {
		spec.at("streams").Errorf("Routing config for routable Kinesis ingress cannot be empty. Expected at least one entry of streams, found none")
	}
	k.StartupPosition = bindStartup(spec.Get("startupPosition"), []StartupType{StartupEarliest, StartupLatest, StartupDate})
	k.Properties = bindProperties(spec.Get("clientConfigProperties"))
	return k
}

// KinesisEgress writes records, each at least once.
type KinesisEgress struct {
	Definition

	ID          functions.Egress
	Region      AWSRegion
	Credentials AWSCredentials
	// MaxOutstandingRecords is how many records may be under way. Defaults to 1000.
	MaxOutstandingRecords int
	// Properties are those of the client, as in KinesisIngress.
	Properties []Property
}

// EgressID implements Egress.
func (k *KinesisEgress) EgressID() functions.Egress { return k.ID }

// String implements Component.
func (k *KinesisEgress) String() string { return fmt.Sprintf("egress %s", k.ID) }

func bindKinesisEgress(d Definition, spec *Object) Component {
	spec.within("Error parsing a GenericKinesisEgressSpec.")
	k := &KinesisEgress{Definition: d, MaxOutstandingRecords: 1000}
	k.ID = bindEgressID(spec)
	k.Region = bindRegion(spec.Get("awsRegion"))
	k.Credentials = bindCredentials(spec.Get("awsCredentials"))
	v := spec.Get("maxOutstandingRecords")
	if n, ok := v.Int(math.MinInt32, math.MaxInt32); ok {
		if n < 1 {
			v.Errorf("Max outstanding records must be larger than 0. Found %s", v.Shown())
		}
		k.MaxOutstandingRecords = int(n)
	}
	k.Properties = bindProperties(spec.Get("clientConfigProperties"))
	return k
}

// AWSRegion says where Kinesis is.
type AWSRegion struct {
	// Type is RegionDefault unless another is given.
	Type RegionType
	// ID of the region, of RegionSpecific and RegionCustomEndpoint.
	ID string
	// Endpoint is an https URL, of RegionCustomEndpoint.
	Endpoint string
}

// RegionType says how the region is found.
type RegionType string

// How the region is found. RegionDefault asks the environment, as AWS's libraries
// do.
const (
	RegionDefault        RegionType = "default"
	RegionSpecific       RegionType = "specific"
	RegionCustomEndpoint RegionType = "custom-endpoint"
)

func bindRegion(v *Value) AWSRegion {
	r := AWSRegion{Type: RegionDefault}
	o, typ, ok := bindVariant(v, "Invalid AWS region type", []RegionType{RegionDefault, RegionSpecific, RegionCustomEndpoint})
	if !ok {
		return r
	}
	r.Type = typ
	if typ == RegionDefault {
		o.Unused("with type default", "id", "endpoint")
		return r
	}
	r.ID = bindName(o.Need("id", "the name of a region"))
	if typ == RegionSpecific {
		o.Unused("with type specific", "endpoint")
		return r
	}
	e := o.Need("endpoint", "an https URL")
	if text, ok := e.Text(); ok {
		r.Endpoint = text
		if u, err := url.Parse(text); err != nil || !strings.EqualFold(u.Scheme, "https") || u.Host == "" {
			e.Errorf("Invalid service endpoint url: %s; Only custom service endpoints using HTTPS are supported", e.bare())
		}
	}
	return r
}

// AWSCredentials say who asks.
type AWSCredentials struct {
	// Type is CredentialsDefault unless another is given.
	Type CredentialsType
	// AccessKeyID and SecretAccessKey, of CredentialsBasic.
	AccessKeyID, SecretAccessKey Secret
	// ProfileName and, if it is not in the usual place, the file that the profile
	// is in, of CredentialsProfile.
	ProfileName, ProfilePath string
}

// CredentialsType says where credentials are.
type CredentialsType string

// Where credentials are. CredentialsDefault asks the environment, as AWS's
// libraries do.
const (
	CredentialsDefault CredentialsType = "default"
	CredentialsBasic   CredentialsType = "basic"
	CredentialsProfile CredentialsType = "profile"
)

func bindCredentials(v *Value) AWSCredentials {
	c := AWSCredentials{Type: CredentialsDefault}
	o, typ, ok := bindVariant(v, "Invalid AWS credential type", []CredentialsType{CredentialsDefault, CredentialsBasic, CredentialsProfile})
	if !ok {
		return c
	}
	c.Type = typ
	basic, profile := []string{"accessKeyId", "secretAccessKey"}, []string{"profileName", "profilePath"}
	for _, key := range basic {
		o.Get(key).Hide()
	}
	switch typ {
	case CredentialsBasic:
		c.AccessKeyID = Secret(bindName(o.Need(basic[0], "the id of an access key")))
		c.SecretAccessKey = Secret(bindName(o.Need(basic[1], "a secret access key")))
		o.Unused("with type basic", profile...)
	case CredentialsProfile:
		c.ProfileName = bindName(o.Need(profile[0], "the name of a profile"))
		c.ProfilePath, _ = o.Get(profile[1]).Text()
		o.Unused("with type profile", basic...)
	case CredentialsDefault:
		o.Unused("with type default", append(basic, profile...)...)
	}
	return c
}

// bindVariant reads a mapping whose key type says what else is in it.
func bindVariant[T ~string](v *Value, invalid string, all []T) (o *Object, typ T, ok bool) {
	if o, ok = v.Object(); !ok {
		return nil, "", false
	}
	t := o.Need("type", "one of "+bracketed(all))
	text, ok := t.Text()
	if ok && !slices.Contains(all, T(text)) {
		t.Errorf("%s: %s; valid values are %s", invalid, t.bare(), bracketed(all))
		ok = false
	}
	if !ok {
		o.open = true
	}
	return o, T(text), ok
}
