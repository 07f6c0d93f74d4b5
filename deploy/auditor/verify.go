// Verify checks an exported ledger with nothing of the ledger's own: hashes and signatures are golang.org/x/mod's.
//
//	go build -o verify . && ./verify BUNDLE_DIR VKEYS_FILE [OLD_CHECKPOINT...]
//
// Get VKEYS_FILE (a verifier key a line) and the old checkpoints from your own files, not from the bundle: a log that was cut short
// or written anew, and then signed, is found only by a checkpoint that was kept. Each deletion is held against the last day, the
// extensions and the holds that the leaves tell (retention.go). Exit 0: everything holds. Exit 1: the first fault.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type place struct{ Origin, Index, Rid, Scope string } // where a leaf stands, or all leaves of one agreement

type named struct{ Origin, Size, Root string } // a tree that a leaf names: an older state of that log

// The fields of a leaf that matter here.
type leaf struct {
	Kind, Rid, Commit, Scope, Hold string
	Target                         place
	Targets                        [][3]string
	Predecessor                    *named
	RetainUntil                    *string `json:"retain_until"`
	IngestedAt                     string  `json:"ingested_at"`
	DatabaseAt                     string  `json:"database_at"`
	HostAt                         string  `json:"host_at"`
	CheckpointAt                   string  `json:"checkpoint_at"`
	named
}

type kept struct {
	rid, commit, scope string
	until              *string
}

type ledgerLog struct {
	dir, origin string
	tree        tlog.Tree
	hashes      []tlog.Hash // of all nodes, in the order of tlog.StoredHashIndex
	leaves      []kept
	names       []named
}

var (
	logs  = map[string]*ledgerLog{} // by origin
	order []string                  // the origins, so that the first fault is always the same one
)

func (l *ledgerLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

// need stops with a plain sentence unless the claim holds.
func need(holds bool, sentence string, args ...any) {
	if !holds {
		fmt.Printf("FAULT: "+sentence+"\n", args...)
		os.Exit(1)
	}
}

func read(path ...string) []byte {
	data, err := os.ReadFile(filepath.Join(path...))
	need(err == nil, "a file cannot be read: %v", err)
	return data
}

// files lists all files below a directory of the bundle; none, if there is no such directory.
func files(dir ...string) (found []string) {
	filepath.WalkDir(filepath.Join(dir...), func(path string, d fs.DirEntry, err error) error {
		need(err == nil || os.IsNotExist(err), "a directory cannot be read: %v", err)
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return nil
	})
	return found
}

// checkpoint opens a signed checkpoint: the log's own key must have signed exactly an origin, a size and a root.
func checkpoint(path string, keys note.Verifiers) (string, tlog.Tree) {
	opened, err := note.Open(read(path), keys)
	need(err == nil, "the checkpoint %s: %v", path, err)
	origin, rest, _ := strings.Cut(opened.Text, "\n")
	own := false
	for _, signature := range opened.Sigs {
		own = own || signature.Name == origin
	}
	need(own, "the checkpoint %s is not signed by the key of its log, %s", path, origin)
	tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + rest)) // the same lines under another origin
	need(err == nil && strings.Count(rest, "\n") == 2, "the checkpoint %s is not an origin, a size and a root", path)
	return origin, tree
}

// load reads a log and computes its tree anew from the entries; every published tile and the root must be the same.
func load(bundle, dir, origin string, tree tlog.Tree) *ledgerLog {
	l := &ledgerLog{dir: dir, origin: origin, tree: tree}
	for n := int64(0); n < tree.N; {
		width := min(256, tree.N-n)
		bundled := read(bundle, dir, path(tlog.Tile{H: 8, L: -1, N: n / 256, W: int(width)}))
		for end := n + width; n < end; n++ {
			need(len(bundled) >= 2, "%s: entry %d is missing", dir, n)
			length := 2 + int(binary.BigEndian.Uint16(bundled))
			need(len(bundled) >= length, "%s: entry %d is cut off", dir, n)
			hashes, err := tlog.StoredHashes(n, bundled[2:length], l)
			need(err == nil, "%s: entry %d: %v", dir, n, err)
			l.hashes = append(l.hashes, hashes...)
			var one leaf
			err = json.Unmarshal(bundled[2:length], &one)
			need(err == nil, "%s: entry %d is no leaf: %v", dir, n, err)
			l.leaves = append(l.leaves, kept{one.Rid, one.Commit, one.Scope, one.RetainUntil})
			remember(origin, n, one)
			bundled = bundled[length:]
			switch {
			case one.Kind == "checkpoint": // in the meta-log, of each other log
				l.names = append(l.names, one.named)
			case one.Predecessor != nil: // last year's log
				l.names = append(l.names, *one.Predecessor)
			}
		}
		need(len(bundled) == 0, "%s: there is something behind entry %d", dir, n-1)
	}
	for _, tile := range tlog.NewTiles(8, 0, tree.N) {
		want, err := tlog.ReadTileData(tile, l)
		need(err == nil && bytes.Equal(read(bundle, dir, path(tile)), want), "%s: the hashes in %s are not those of the entries", dir, path(tile))
	}
	root, err := tlog.TreeHash(tree.N, l)
	need(err == nil && root == tree.Hash, "%s: the entries do not have the root that was signed", dir)
	return l
}

// path is a tile's in C2SP tlog-tiles: as Go's own, but without the height and with "entries" for "data".
func path(tile tlog.Tile) string {
	return strings.Replace(strings.Replace(tile.Path(), "tile/8/", "tile/", 1), "tile/data/", "tile/entries/", 1)
}

// extends stops unless the log of this origin is there and began with just this tree.
func extends(origin string, old tlog.Tree, source string) {
	l := logs[origin]
	need(l != nil, "%s names the log %s, which is missing", source, origin)
	need(old.N <= l.tree.N, "%s: the log %s had %d leaves and has %d now: it was cut short", source, origin, old.N, l.tree.N)
	root, err := tlog.TreeHash(old.N, l)
	need(err == nil && root == old.Hash, "%s: the first %d leaves of the log %s are not what they were", source, old.N, origin)
}

// payload checks one payload against the leaf's commitment: SHA-256("sekisho/payload/v1\0" ‖ salt ‖ body).
func payload(file, commit string) {
	var kept struct{ Salt, Body []byte } // base64 in the file
	err := json.Unmarshal(read(file), &kept)
	need(err == nil && len(kept.Salt) == 32, "%s is no payload", file)
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte("sekisho/payload/v1\x00"), kept.Salt, kept.Body}, nil))
	need(hex.EncodeToString(sum[:]) == commit, "%s is not what its leaf committed to", file)
}

// account demands for each payload that it is there and right, or that its deletion is in a log, or that the bundle lists it.
func account(bundle string) string {
	left, kept, purged, hidden := map[string]bool{}, 0, 0, 0
	for _, file := range files(bundle, "payloads") {
		left[file] = true
	}
	for _, origin := range order {
		l, redacted := logs[origin], map[string]bool{}
		for _, list := range files(bundle, "redacted", l.dir) {
			for _, index := range strings.Fields(string(read(list))) {
				redacted[index] = true
			}
		}
		for i, one := range l.leaves {
			index := strconv.Itoa(i)
			file := filepath.Join(bundle, "payloads", l.dir, index+".json")
			here := at(origin, i, one.rid)
			done, gone := purges[here]
			switch {
			case left[file]:
				need(!gone, "%s is there, though its deletion is in a log", file)
				payload(file, one.commit)
				delete(left, file)
				kept++
			case one.commit == "": // a leaf without a payload
			case gone:
				lawful(here, one.until, one.scope, done)
				purged++
			default:
				need(redacted[index], "%s: the payload of leaf %d is gone, and no deletion is in a log", l.dir, i)
				hidden++
			}
		}
	}
	for _, file := range files(bundle, "payloads") {
		need(!left[file], "%s belongs to no leaf", file)
	}
	return fmt.Sprintf("%d payloads there, %d deleted as recorded, %d left out", kept, purged, hidden)
}

func main() {
	need(len(os.Args) >= 3, "usage: verify BUNDLE_DIR VKEYS_FILE [OLD_CHECKPOINT...]")
	var verifiers []note.Verifier
	for _, line := range strings.Fields(string(read(os.Args[2]))) {
		key, err := note.NewVerifier(line)
		need(err == nil, "a verifier key in %s: %v", os.Args[2], err)
		verifiers = append(verifiers, key)
	}
	bundle, keys, entries := filepath.Clean(os.Args[1]), note.VerifierList(verifiers...), 0
	for _, file := range files(bundle) {
		if filepath.Base(file) == "checkpoint" {
			origin, tree := checkpoint(file, keys)
			dir, _ := filepath.Rel(bundle, filepath.Dir(file))
			need(strings.HasSuffix(origin, "/"+filepath.ToSlash(dir)), "%s: the checkpoint is another log's, of %s", dir, origin)
			need(logs[origin] == nil, "the log %s is there twice", origin)
			logs[origin] = load(bundle, dir, origin, tree)
			order, entries = append(order, origin), entries+int(tree.N)
		}
	}
	need(len(logs) > 0, "there is no log in %s", bundle)
	for _, file := range append(files(bundle, "checkpoints"), os.Args[3:]...) {
		origin, tree := checkpoint(file, keys)
		extends(origin, tree, file)
	}
	for _, origin := range order {
		for _, old := range logs[origin].names {
			size, err1 := strconv.ParseInt(old.Size, 10, 64)
			root, err2 := hex.DecodeString(old.Root)
			need(err1 == nil && err2 == nil && size >= 0 && len(root) == tlog.HashSize, "%s: a leaf names no tree", origin)
			extends(old.Origin, tlog.Tree{N: size, Hash: tlog.Hash(root)}, "a leaf of "+origin)
		}
	}
	fmt.Printf("OK: %d logs, %d entries; %s\n", len(logs), entries, account(bundle))
}
