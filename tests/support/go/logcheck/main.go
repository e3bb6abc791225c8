// logcheck reads a log that lies in a folder with code that is not ours: golang.org/x/mod/sumdb/tlog and note.
//
//	logcheck tree FOLDER CHECKPOINT VKEY     every entry hashes to its place under the signed root
//	logcheck proofs < JSON                   inclusion and consistency proofs, one object a line
//	logcheck cosigned CHECKPOINT VKEY        a witness's cosignature/v1; prints its time
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func check(err error) {
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
}

type folder string

func (folder) Height() int { return 8 }

func number(n int64) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		text = fmt.Sprintf("x%03d/%s", n%1000, text)
	}
	return text
}

func (f folder) path(level string, t tlog.Tile) string {
	text := filepath.Join(string(f), "tile", level, number(t.N))
	if t.W != 256 {
		text += ".p/" + strconv.Itoa(t.W)
	}
	return text
}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		data, err := os.ReadFile(f.path(strconv.Itoa(t.L), t))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (folder) SaveTiles([]tlog.Tile, [][]byte) {}

func open(path, vkey string) (tlog.Tree, string) {
	verifier, err := note.NewVerifier(vkey)
	check(err)
	data, err := os.ReadFile(path)
	check(err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}, lines[0]
}

func tree(dir, checkpoint, vkey string) {
	head, _ := open(checkpoint, vkey)
	reader := tlog.TileHashReader(head, folder(dir))
	for start := int64(0); start < head.N; start += 256 {
		t := tlog.Tile{H: 8, L: 0, N: start / 256, W: int(min(256, head.N-start))}
		data, err := os.ReadFile(folder(dir).path("entries", t))
		check(err)
		for index := start; len(data) > 0; index++ {
			length := int(binary.BigEndian.Uint16(data))
			entry := data[2 : 2+length]
			data = data[2+length:]
			hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			check(err)
			if hashes[0] != tlog.RecordHash(entry) {
				fmt.Println("refused: entry", index)
				os.Exit(1)
			}
			proof, err := tlog.ProveRecord(head.N, index, reader)
			check(err)
			check(tlog.CheckRecord(proof, head.N, head.Hash, index, tlog.RecordHash(entry)))
		}
	}
	fmt.Println("accepted", head.N)
}

type question struct {
	Old, New         int64
	Leaf, OldR, NewR tlog.Hash
	Proof            []tlog.Hash
	Inclusion        bool
}

func proofs() {
	decoder := json.NewDecoder(os.Stdin)
	count := 0
	for ; ; count++ {
		var q question
		err := decoder.Decode(&q)
		if err == io.EOF {
			break
		}
		check(err)
		if q.Inclusion {
			check(tlog.CheckRecord(q.Proof, q.New, q.NewR, q.Old, q.Leaf))
		} else {
			check(tlog.CheckTree(q.Proof, q.New, q.NewR, q.Old, q.OldR))
		}
	}
	fmt.Println("accepted", count)
}

// cosigner verifies cosignature/v1 (c2sp.org/tlog-cosignature), which sumdb/note does not know.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	time uint64
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 72 {
		return false
	}
	c.time = binary.BigEndian.Uint64(signature)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", c.time, text)
	return ed25519.Verify(c.key, []byte(message), signature[8:])
}

func cosigned(path, vkey string) {
	parts := strings.SplitN(vkey, "+", 3)
	hash, err := strconv.ParseUint(parts[1], 16, 32)
	check(err)
	key, err := base64.StdEncoding.DecodeString(parts[2])
	check(err)
	if key[0] != 4 {
		fmt.Println("refused: algorithm", key[0])
		os.Exit(1)
	}
	witness := &cosigner{name: parts[0], hash: uint32(hash), key: key[1:]}
	data, err := os.ReadFile(path)
	check(err)
	_, err = note.Open(data, note.VerifierList(witness))
	check(err)
	fmt.Println("accepted", witness.time)
}

func main() {
	switch os.Args[1] {
	case "tree":
		tree(os.Args[2], os.Args[3], os.Args[4])
	case "proofs":
		proofs()
	case "cosigned":
		cosigned(os.Args[2], os.Args[3])
	}
}
