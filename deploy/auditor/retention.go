package main

import (
	"sort"
	"strconv"
	"time"
)

// moment is when a leaf was written: within its log its index tells, across logs its time.
type moment struct {
	at, origin string
	n          int64
}

func (m moment) before(o moment) bool {
	if m.origin == o.origin {
		return m.n < o.n
	}
	return m.at <= o.at
}

type extension struct {
	moment
	until *string // nil: open again
}

type cover struct {
	moment
	hold string
}

type purge struct {
	moment
	until  string
	clocks [3]string
}

var (
	purges     = map[place]purge{} // the payloads whose deletion is in a log
	extensions = map[place][]extension{}
	covers     = map[place][]cover{}
	releases   = map[string]moment{}
)

// remember keeps what a leaf says of others: deletions, extensions, holds and their ends.
func remember(origin string, n int64, one leaf) {
	at := moment{one.IngestedAt, origin, n}
	switch one.Kind {
	case "purge":
		need(one.RetainUntil != nil, "%s: entry %d deletes, but names no last day", origin, n)
		purges[one.Target] = purge{at, *one.RetainUntil, [3]string{one.DatabaseAt, one.HostAt, one.CheckpointAt}}
	case "extend":
		extensions[one.Target] = append(extensions[one.Target], extension{at, one.RetainUntil})
	case "hold":
		for _, t := range one.Targets {
			held := place{Origin: t[0], Index: t[1], Rid: t[2]}
			covers[held] = append(covers[held], cover{at, one.Hold})
		}
	case "release":
		releases[one.Hold] = at
	}
}

// lawful stops unless a deletion came after the last day that counted then, by all of its clocks, and under no hold.
func lawful(where place, stated *string, scope string, done purge) {
	name := "the deletion of " + where.Origin + " #" + where.Index
	last, counts := "", stated
	if stated != nil {
		last = *stated
	}
	found := append([]extension{}, extensions[where]...)
	if scope != "" {
		found = append(found, extensions[place{Scope: scope}]...)
	}
	sort.Slice(found, func(i, j int) bool {
		a, b := found[i], found[j]
		if a.at != b.at {
			return a.at < b.at
		}
		return a.origin < b.origin || a.origin == b.origin && a.n < b.n
	})
	for _, each := range found {
		if each.before(done.moment) {
			counts = each.until
			if counts != nil {
				last = max(last, *counts)
			}
		}
	}
	need(counts != nil, "%s was early: no end of its retention was known", name)
	need(done.until == last, "%s says that its last day was %s; it was %s", name, done.until, last)
	least := done.clocks[0]
	for _, clock := range done.clocks {
		least = min(least, clock)
		need(day(clock, name) > last, "%s was early: its last day was %s, a clock said %s", name, last, clock)
	}
	at, told := instant(done.at, name), instant(least, name)
	need(!told.After(at.Add(5*time.Minute)), "%s: the leaf was written at %s, its clocks all say later", name, done.at)
	need(!at.After(time.Now().Add(5*time.Minute)), "%s lies in the future: a clock was set forward", name)
	for _, each := range covers[where] {
		end, ended := releases[each.hold]
		need(!each.before(done.moment) || ended && !done.before(end), "%s was under the hold %s", name, each.hold)
	}
}

func instant(text, name string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	need(err == nil, "%s states a time that does not exist: %s", name, text)
	return at
}

// day is the day in Japan.
func day(text, name string) string {
	return instant(text, name).Add(9 * time.Hour).Format(time.DateOnly)
}

func at(origin string, i int, rid string) place {
	return place{Origin: origin, Index: strconv.Itoa(i), Rid: rid}
}
