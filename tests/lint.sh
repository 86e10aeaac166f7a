#!/bin/sh
# clang-format (check), cppcheck, clang-tidy, and the size budgets where the
# measuring tool is at hand. Prints ok / not ok lines.
set -u
cd "$(dirname "$0")/.." || exit 1
failed=0
report=build/lint
mkdir -p $report

say() { # name, status
	if [ "$2" -eq 0 ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		failed=1
	fi
}

clang-format --dry-run --Werror $(git ls-files '*.c' '*.h') >$report/format 2>&1
status=$?
say "clang-format" $status
[ $status -eq 0 ] || head -20 $report/format

[ -f build/asan/compile_commands.json ] || cmake --preset asan >/dev/null
# What it cannot parse (sys/queue.h) the compilers and sanitizers judge.
cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability \
	--inline-suppr --suppress=missingIncludeSystem \
	--suppress=uninitvar --suppress=syntaxError \
	--suppress=internalAstError -D__linux__ -D__x86_64__ \
	-D_GNU_SOURCE -DCS_VERSION='"x"' -DCS_LIBEXECDIR='"x"' -DCS_DATADIR='"x"' -I. \
	-j "$(nproc)" common proto mcpd ledgerd writerd http jwks inspect cli kit >$report/cppcheck 2>&1
status=$?
say "cppcheck" $status
[ $status -eq 0 ] || head -20 $report/cppcheck

# gcc's own flags mean nothing to clang; the rest of the commands is kept.
mkdir -p $report/tidy
sed 's/-fsanitize=[^ ]*//g; s/-fno-sanitize-recover=[^ ]*//g
	s/-Wformat-signedness//g; s/-Wduplicated-cond//g; s/-Wlogical-op//g
	s/-fzero-call-used-regs=[^ ]*//g; s/-ftrivial-auto-var-init=[^ ]*//g' \
	build/asan/compile_commands.json >$report/tidy/compile_commands.json
git ls-files 'common/*.c' 'proto/*.c' 'mcpd/*.c' 'ledgerd/*.c' \
	'writerd/*.c' 'http/*.c' 'jwks/*.c' 'inspect/*.c' 'cli/*.c' 'kit/c/*.c' |
	xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p $report/tidy \
		>$report/clang-tidy 2>/dev/null
status=$?
say "clang-tidy" $status
[ $status -eq 0 ] || grep -E 'error:|warning:' $report/clang-tidy | sort -u | head -40

if [ -f ../shared/tools/measure.py ]; then
	python3 ../shared/tools/measure.py --budget . >$report/budget 2>&1
	say "size budgets" $?
	tail -1 $report/budget
fi
exit $failed
