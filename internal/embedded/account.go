package embedded

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// An account is the user whom PostgreSQL runs as: our own, unless that is root.
type account struct {
	uid, gid uint32
	name     string
	switched bool // not our own user
}

// as ends a sentence about running something.
func (a account) as() string {
	if !a.switched {
		return ""
	}
	return " as " + a.String()
}

func (a account) String() string {
	if a.name == "" {
		return fmt.Sprintf("uid %d", a.uid)
	}
	return fmt.Sprintf("user %s (uid %d)", a.name, a.uid)
}

// nobodyID is the uid and gid that Linux reserves for nobody; it needs no entry in
// the list of users.
const nobodyID = 65534

// serverAccount chooses the user for a cluster. As root that is whoever owns the
// cluster already, then the user postgres, then nobody, then a bare uid.
func serverAccount(cluster string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	if uid, gid, found := ownerOf(cluster); found {
		if uid == 0 {
			return account{}, fmt.Errorf("%s belongs to root, and PostgreSQL refuses to run as root: "+
				"run chown -R postgres %[1]s, or choose another folder with --data", cluster)
		}
		name := ""
		if known, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
			name = known.Username
		}
		return account{uid: uid, gid: gid, name: name, switched: true}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		known, err := user.Lookup(name)
		if err != nil {
			continue
		}
		// macOS gives nobody the uid -2, which only 32 signed bits can read.
		uid, errUID := strconv.ParseInt(known.Uid, 10, 64)
		gid, errGID := strconv.ParseInt(known.Gid, 10, 64)
		if errUID != nil || errGID != nil || uid == 0 {
			continue
		}
		return account{uid: uint32(uid), gid: uint32(gid), name: name, switched: true}, nil
	}
	return account{uid: nobodyID, gid: nobodyID, switched: true}, nil
}
