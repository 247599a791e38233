package bench

import "github.com/statefun-go/statefun/cmd/statefun/commands/console"

// section is what one measurement found, as --json shows it.
type section interface {
	// print shows it to people.
	print(c *console.Console)
	// warnings say why it may mislead.
	warnings() []string
}

// sections are what measurements have found so far, nil if they were not made.
type sections struct {
	Cold   *ColdReport   `json:"cold,omitempty"`
	Timers *TimersReport `json:"timers,omitempty"`
	Sends  *SendsReport  `json:"http_sends,omitempty"`
	Hot    *HotReport    `json:"hot,omitempty"`
	Values *ValuesReport `json:"values,omitempty"`
	Cores  *CoresReport  `json:"cores,omitempty"`
	Remote *RemoteReport `json:"remote,omitempty"`
}

// all returns those that there are, in the order in which people see them.
func (s *sections) all() (out []section) {
	if s.Cold != nil {
		out = append(out, s.Cold)
	}
	if s.Timers != nil {
		out = append(out, s.Timers)
	}
	if s.Sends != nil {
		out = append(out, s.Sends)
	}
	if s.Hot != nil {
		out = append(out, s.Hot)
	}
	if s.Values != nil {
		out = append(out, s.Values)
	}
	if s.Cores != nil {
		out = append(out, s.Cores)
	}
	if s.Remote != nil {
		out = append(out, s.Remote)
	}
	return out
}
