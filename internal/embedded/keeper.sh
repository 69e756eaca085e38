# Runs a server and ends with it. Standard input is a pipe that only the process
# which started us holds: a line on it is the signal to stop the server with, and
# its end, however that process came to end, means the signal in $1. $2 is a folder
# to remove afterwards, or empty. File 3 is the lock on the data folder: it stays
# taken until the server has stopped, and the server must not keep it.
trap '' HUP INT TERM
loss=$1 remove=$2
shift 2
exec 4<&0 </dev/null
"$@" 3<&- 4<&- >&2 &
server=$!
echo "$server"
exec >&-
(
	exec 3<&-
	read -r order <&4 || order=$loss
	# A server that has only just been started ignores the first signal.
	tries=0
	while kill -s "$order" "$server"; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || order=QUIT
		[ "$tries" -lt 350 ] || order=KILL
		sleep 0.2 || sleep 1
	done
) 2>/dev/null >&2 &
guard=$!
exec 4<&-
wait "$server"
code=$?
kill -s KILL "$guard" 2>/dev/null
[ -z "$remove" ] || rm -rf "$remove"
exit "$code"
