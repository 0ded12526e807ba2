// SPDX-License-Identifier: Apache-2.0

// Command peer checks a log with golang.org/x/mod, which shares nothing with our code.
//
// It reads an order as JSON from stdin and exits with 1 at the first thing that does not hold:
//
//	vkey, notes:        each note must open under the key
//	inclusion:          proofs that must verify
//	consistency:        the same
//	folder:             an exported log (C2SP tlog-tiles); every tile and entry must fit its checkpoint
//
// On stdout it prints what it counted, as JSON.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// sampled is how many entries of a large log are proved one by one; hashes are compared for all.
const sampled = 500

type inclusion struct {
	Index, Size int64
	Entry       []byte
	Root        []byte
	Hashes      [][]byte
}

type consistency struct {
	Old, New         int64
	OldRoot, NewRoot []byte
	Hashes           [][]byte
}

type order struct {
	Vkey        string
	Notes       [][]byte
	Inclusion   []inclusion
	Consistency []consistency
	Folder      string
}

func main() {
	var asked order
	must(json.NewDecoder(os.Stdin).Decode(&asked))
	verifier, err := note.NewVerifier(asked.Vkey)
	must(err)
	known := note.VerifierList(verifier)
	for _, signed := range asked.Notes {
		_, err := note.Open(signed, known)
		must(err)
	}
	for _, one := range asked.Inclusion {
		leaf := tlog.RecordHash(one.Entry)
		must(tlog.CheckRecord(hashes(one.Hashes), one.Size, hash(one.Root), one.Index, leaf))
	}
	for _, one := range asked.Consistency {
		proof := tlog.TreeProof(hashes(one.Hashes))
		must(tlog.CheckTree(proof, one.New, hash(one.NewRoot), one.Old, hash(one.OldRoot)))
	}
	count := map[string]int64{
		"notes": int64(len(asked.Notes)), "inclusion": int64(len(asked.Inclusion)),
		"consistency": int64(len(asked.Consistency)),
	}
	if asked.Folder != "" {
		count["entries"], count["tiles"] = checkFolder(asked.Folder, known)
	}
	must(json.NewEncoder(os.Stdout).Encode(count))
}

// checkFolder verifies an exported log and returns how many entries and tiles it has.
func checkFolder(folder string, known note.Verifiers) (int64, int64) {
	signed, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	must(err)
	opened, err := note.Open(signed, known)
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	must(err)
	files := &tileFiles{folder: folder}
	// TileHashReader checks each tile that it is given against the tree.
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: hash(root)}, files)
	step := 1 + size/sampled
	var bundle [][]byte
	for index := int64(0); index < size; index++ {
		if index%(1<<height) == 0 {
			bundle = bundleAt(folder, index>>height, size)
		}
		leaf := tlog.RecordHash(bundle[index%(1<<height)])
		at := tlog.StoredHashIndex(0, index)
		tile := tlog.TileForIndex(height, at)
		tile.W = width(size, tile.L, tile.N)
		content, err := files.read(tile)
		must(err)
		found, err := tlog.HashFromTile(tile, content, at)
		must(err)
		if found != leaf {
			must(fmt.Errorf("entry %d: not what its tile says", index))
		}
		if index%step == 0 {
			proof, err := tlog.ProveRecord(size, index, reader)
			must(err)
			must(tlog.CheckRecord(proof, size, hash(root), index, leaf))
		}
	}
	tiles := int64(0)
	for _, tile := range tlog.NewTiles(height, 0, size) {
		if tile.W != width(size, tile.L, tile.N) {
			continue // of a checkpoint in between
		}
		content, err := files.read(tile)
		must(err)
		again, err := tlog.ReadTileData(tile, reader)
		must(err)
		if string(again) != string(content) {
			must(fmt.Errorf("%s: not the hashes of the tree", path(tile)))
		}
		tiles++
	}
	return size, tiles
}

// width is that of a tile in a log of that size.
func width(size int64, level int, n int64) int {
	count := size>>(height*uint(level)) - n<<height
	if count > 1<<height {
		return 1 << height
	}
	return int(count)
}

func bundleAt(folder string, n, size int64) [][]byte {
	tile := tlog.Tile{H: height, L: -1, N: n, W: width(size, 0, n)}
	content, err := os.ReadFile(filepath.Join(folder, path(tile)))
	must(err)
	var entries [][]byte
	for len(content) > 0 {
		length := int(binary.BigEndian.Uint16(content))
		entries = append(entries, content[2:2+length])
		content = content[2+length:]
	}
	if len(entries) != tile.W {
		must(fmt.Errorf("%s: %d entries", path(tile), len(entries)))
	}
	return entries
}

// tileFiles keeps the tile that was read last: neighbours ask for the same.
type tileFiles struct {
	folder  string
	last    tlog.Tile
	content []byte
}

func (files *tileFiles) Height() int                                { return height }
func (files *tileFiles) SaveTiles(tiles []tlog.Tile, data [][]byte) {}
func (files *tileFiles) read(tile tlog.Tile) ([]byte, error) {
	if tile == files.last {
		return files.content, nil
	}
	content, err := os.ReadFile(filepath.Join(files.folder, path(tile)))
	files.last, files.content = tile, content
	return content, err
}

func (files *tileFiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(tiles))
	for at, tile := range tiles {
		content, err := files.read(tile)
		if err != nil {
			return nil, err
		}
		found[at] = content
	}
	return found, nil
}

// path is x/mod's without the height, and with our name for entries.
func path(tile tlog.Tile) string {
	whole := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
	return strings.Replace(whole, "tile/data/", "tile/entries/", 1)
}

func hash(raw []byte) tlog.Hash {
	var found tlog.Hash
	if copy(found[:], raw) != len(found) || len(raw) != len(found) {
		must(fmt.Errorf("a hash of %d bytes", len(raw)))
	}
	return found
}

func hashes(raw [][]byte) []tlog.Hash {
	found := make([]tlog.Hash, len(raw))
	for at, one := range raw {
		found[at] = hash(one)
	}
	return found
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
