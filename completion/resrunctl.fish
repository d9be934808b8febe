# SPDX-License-Identifier: MIT
#
# Fish's completion of resrunctl, which tells itself what fits: see control/complete.c.

# Behind the = of an option, or in a word of their own.
function __resrunctl_files
	set -l value (string replace -r '^--[^=]*=' '' -- $argv[2])
	set -l lead (string match -r '^--[^=]*=' -- $argv[2])
	for name in ($argv[1] $value)
		printf '%s%s\n' "$lead" $name
	end
end

# What follows the --.
function __resrunctl_command
	while test (count $argv) -gt 0; and test $argv[1] != --
		set -e argv[1]
	end
	set -e argv[1]
	if set -q argv[2]
		complete -C (string join ' ' -- (string escape -- $argv[1..-2]) $argv[-1])
	else
		__fish_complete_command
	end
end

function __resrunctl_complete
	set -l words (commandline -opc)
	set -l current (commandline -ct)
	set -e words[1]
	for line in (resrunctl complete -- $words "$current" 2>/dev/null)
		switch $line
			case \tfiles
				__resrunctl_files __fish_complete_path "$current"
			case \tdirs
				__resrunctl_files __fish_complete_directories "$current"
			case \tcommand
				__resrunctl_command $words "$current"
			case '*'
				printf '%s\n' $line
		end
	end
end

complete -c resrunctl -f -a '(__resrunctl_complete)'
