// Package failpoint names the moments at which a crash would hurt most, so that
// tests can make the program crash there. Only a program that was built with
// the tag failpoints does; in every other one Reach is empty, and no setting
// changes that.
package failpoint

// A Point is one of those moments.
type Point string

// The points of a renewal, in the order in which it comes to them.
const (
	BeforeRenewing   Point = "before renewing"
	BeforeRequest    Point = "before the request"
	AnswerBegins     Point = "answer begins" // from here on Cognito has exchanged the refresh token
	Answered         Point = "answered"
	BeforeStoring    Point = "before storing"
	NewFileMade      Point = "new file made"
	NewFileHalf      Point = "new file half written"
	NewFileWritten   Point = "new file written" // from here on the new refresh token is safe
	NewFileSynced    Point = "new file synced"  // and from a loss of power
	ReadBack         Point = "read back"
	Renamed          Point = "renamed"
	DirectorySynced  Point = "directory synced"
	BeforePublishing Point = "before publishing"
	Published        Point = "published"
)

// Points are all of them.
var Points = []Point{
	BeforeRenewing, BeforeRequest, AnswerBegins, Answered, BeforeStoring, NewFileMade, NewFileHalf, NewFileWritten,
	NewFileSynced, ReadBack, Renamed, DirectorySynced, BeforePublishing, Published,
}
