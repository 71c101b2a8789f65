package profiles

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDistance is how many slips a long word may have.
const maxDistance = 3

// Nearest returns the candidate that word is likely a slip of, or "": the same
// letters in another style (userPoolId, USER-POOL-ID), or a few letters wrong,
// missing, doubled or swapped.
func Nearest(word string, candidates []string) string {
	w := bare(word)
	if w == "" || len(w) > 64 {
		return ""
	}
	best, bestDistance := "", maxDistance+1
	for _, c := range candidates[:min(len(candidates), 1000)] {
		b := bare(c)
		if tooFar(len(w), len(b)) {
			continue
		}
		d := distance(w, b)
		if d <= tolerance(b) && d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// tolerance is how many letters of a word may be wrong: none of a short one.
func tolerance(word string) int {
	if len(word) < 3 {
		return 0
	}
	return min(max(1, len(word)/4), maxDistance)
}

// tooFar reports whether words of so many bytes can't be near each other.
func tooFar(a, b int) bool { return max(a, b)-min(a, b) > maxDistance*utf8.UTFMax }

// didYouMean is the tail of a message about an unknown word.
func didYouMean(word string, candidates []string) string {
	if n := Nearest(word, candidates); n != "" {
		return "; did you mean " + quote(n) + "?"
	}
	return ""
}

// bare returns the letters and digits of s in lower case.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// distance counts the insertions, deletions, substitutions and swaps of
// neighbours between a and b (optimal string alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range t {
		rows[0][j+1] = j + 1
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(s)][len(t)]
}
