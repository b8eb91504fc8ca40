#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the completions of mote and mote-cc for bash, zsh and fish, from what --help prints."""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import command_help

TYPES = re.compile(r"TYPE:VALUE with a TYPE of ([a-z0-9 ]+)")
FILE_VALUES = {"FILE", "PATH", "FOLDER"}


@dataclass
class Program:
    """A command of mote, or mote-cc, as a completion needs it."""

    name: str
    meaning: str
    words: list  # its positional words: "GUEST", "FUNCTION", "[ARG...]"
    options: list


def read_programs(mote, mote_cc):
    """([Program] of mote's commands, Program of mote-cc, types of arguments)."""
    _, commands, _ = command_help.read_commands(command_help.ask(mote))
    found, types = [], []
    for command in commands:
        text = command_help.ask(mote, command.name)
        parsed = command_help.read_help(f"mote {command.name}", text)
        found.append(Program(command.name, command.meaning, command.words.split(), parsed.options))
        match = TYPES.search(text)
        types = match[1].split() if match else types
    if not types:
        raise command_help.Problem("no command tells the types of its arguments")
    parsed = command_help.read_help("mote-cc", command_help.ask(mote_cc))
    return found, Program("mote-cc", parsed.meaning, ["FILE"], parsed.options), types


def names(program):
    return [name for option in program.options for name in option.names]


def with_value(programs):
    """Every option that takes a value -> what the value is called, over all programs."""
    return {
        name: option.value
        for program in programs
        for option in program.options
        for name in option.names
        if option.value
    }


# ---- bash ----

BASH = """\
# SPDX-License-Identifier: Apache-2.0
# Completion of mote and mote-cc for bash. Made by scripts/make_completion.py.

# Offer the words that begin with what was typed.
_mote_offer() {{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}}

# Offer nothing, not even files.
_mote_offer_nothing() {{
    compopt +o default +o bashdefault 2>/dev/null || true
}}

# Offer files behind an @, which the shell counts to the word.
_mote_offer_files() {{
    compopt -o filenames -o nospace 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -P @ -f -- "$1")
}}

# Sets cur and prev. bash splits "--option=value" at the sign.
_mote_read() {{
    cur=${{COMP_WORDS[COMP_CWORD]}}
    prev=${{COMP_WORDS[COMP_CWORD - 1]}}
    if [ "$cur" = = ]; then
        cur=
    elif [ "$prev" = = ]; then
        prev=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
}}

# Offer the values of the option $prev; fails when it takes none.
_mote_value() {{
    case $prev in
{values}
    *) return 1 ;;
    esac
}}

_mote_options() {{
    case $1 in
{options}
    esac
}}

_mote_words() {{
    case $1 in
{words}
    esac
}}

# Sets guest and position: the first word that is no option, and how many stand before the cursor.
_mote_position() {{
    local i word
    guest='' position=0
    for ((i = 2; i < COMP_CWORD; i++)); do
        word=${{COMP_WORDS[i]}}
        case $word in
        {valued})
            [ "${{COMP_WORDS[i + 1]}}" = = ] && i=$((i + 1))
            i=$((i + 1))
            ;;
        -*) ;;
        *)
            [ "$position" -gt 0 ] || guest=$word
            # The parts of TYPE:VALUE are one word.
            while [ $((i + 2)) -lt "$COMP_CWORD" ] && [[ ${{COMP_WORDS[i + 1]}} == :* ]]; do
                i=$((i + 2))
            done
            position=$((position + 1))
            ;;
        esac
    done
}}

# The functions of a guest, as the program that is completed lists them.
_mote_functions() {{
    "$1" list -- "$2" 2>/dev/null | sed 's/(.*//'
}}

_mote() {{
    local cur prev guest position words
    COMPREPLY=()
    _mote_read
    if [ "$COMP_CWORD" -eq 1 ]; then
        _mote_offer '{commands} --help --version'
        return
    fi
    _mote_value && return
    if [[ $cur == -* ]]; then
        _mote_offer "$(_mote_options "${{COMP_WORDS[1]}}")"
        return
    fi
    # Behind the colon of TYPE:VALUE stands a value, or a file.
    case "$prev $cur" in
    ':@ '*) _mote_offer_files "$cur" && return ;;
    *' :@') _mote_offer_files '' && return ;;
    ': '* | *' :') _mote_offer_nothing && return ;;
    esac
    _mote_position
    read -ra words <<<"$(_mote_words "${{COMP_WORDS[1]}}")"
    case ${{words[position < ${{#words[@]}} ? position : ${{#words[@]}} - 1]-}} in
    GUEST) ;;
    FUNCTION) _mote_offer "$(_mote_functions "${{COMP_WORDS[0]}}" "${{guest/#\\~/$HOME}}")" ;;
    '[ARG...]')
        compopt -o nospace 2>/dev/null
        _mote_offer '{types}'
        ;;
    *) _mote_offer_nothing ;;
    esac
}}

_mote_cc() {{
    local cur prev
    COMPREPLY=()
    _mote_read
    _mote_value && return
    [[ $cur != -* ]] || _mote_offer '{cc_options}'
}}

complete -o bashdefault -o default -F _mote mote
complete -o bashdefault -o default -F _mote_cc mote-cc
"""


def make_bash(programs, cc, types, known):
    values = ""
    for name, value in with_value([*programs, cc]).items():
        if name in known:
            values += f"    {name}) _mote_offer '{' '.join(known[name])}' ;;\n"
        elif value not in FILE_VALUES:
            values += f"    {name}) _mote_offer_nothing ;;\n"
    return BASH.format(
        values=values.rstrip("\n"),
        options="\n".join(f"    {p.name}) echo '{' '.join(names(p))}' ;;" for p in programs),
        words="\n".join(f"    {p.name}) echo '{' '.join(p.words)}' ;;" for p in programs),
        valued=" | ".join(with_value(programs)),
        commands=" ".join(p.name for p in programs),
        types=" ".join(f"{name}:" for name in types),
        cc_options=" ".join(names(cc)),
    )


# ---- zsh ----

ZSH = """\
#compdef mote mote-cc
# SPDX-License-Identifier: Apache-2.0
# Completion of mote and mote-cc for zsh. Made by scripts/make_completion.py.

_mote_functions() {{
    local -a functions
    functions=(${{(f)"$(_call_program functions mote list -- ${{(Q)words[2]}} 2>/dev/null)"}})
    compadd -- ${{functions%%\\(*}}
}}

_mote_arguments() {{
    if compset -P '*:@'; then
        _files
    else
        compadd -S '' -- {types}
    fi
}}

_mote_commands() {{
    local -a commands
    commands=(
{commands}
    )
    _describe command commands
}}

_mote() {{
    if [[ $service == mote-cc ]]; then
        _arguments {cc}
        return
    fi
    if (( CURRENT == 2 )); then
        _mote_commands
        return
    fi
    shift words
    (( CURRENT-- ))
    case $words[1] in
{cases}
    esac
}}

_mote "$@"
"""

ZSH_WORDS = {
    "GUEST": "_files",
    "FUNCTION": "_mote_functions",
    "[ARG...]": "_mote_arguments",
    "FILE": "_files",
}


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def zsh_option(option, known):
    meaning = re.sub(r"([\[\]:])", r"\\\1", option.meaning or "about this program")
    for name in option.names:
        value = ""
        if option.value:
            action = f"({' '.join(known[name])})" if name in known else " "
            value = f"=:{option.value}:{'_files' if option.value in FILE_VALUES else action}"
        yield quoted(f"{name}{value.split(':')[0]}[{meaning}]{value[1:] if value else ''}")


def zsh_arguments(program, known):
    found = [text for option in program.options for text in zsh_option(option, known)]
    for i, word in enumerate(program.words):
        name = re.sub(r"[\[\].]", "", word).lower()
        place = "*" if "..." in word or program.name == "mote-cc" else i + 1
        found.append(quoted(f"{place}:{name}:{ZSH_WORDS[word]}"))
    return " \\\n            ".join(found)


def make_zsh(programs, cc, types, known):
    return ZSH.format(
        types=" ".join(f"{name}:" for name in types),
        commands="\n".join(f"        {quoted(p.name + ':' + p.meaning)}" for p in programs),
        cc=zsh_arguments(cc, known),
        cases="\n".join(f"    {p.name}) _arguments {zsh_arguments(p, known)} ;;" for p in programs),
    )


# ---- fish ----

FISH = """\
# SPDX-License-Identifier: Apache-2.0
# Completion of mote and mote-cc for fish. Made by scripts/make_completion.py.

"""


def fish_option(option, known, head):
    for name in option.names:
        line = f"{head} -l {name.removeprefix('--')}"
        if option.value:
            line += " -r" if option.value in FILE_VALUES else " -x"
            line += f" -a {quoted(' '.join(known[name]))}" if name in known else ""
        yield line + (f" -d {quoted(option.meaning)}" if option.meaning else "") + "\n"


def make_fish(programs, cc, _types, known):
    text = FISH
    for program in programs:
        text += (
            f"complete -c mote -n __fish_use_subcommand -f -a {program.name}"
            f" -d {quoted(program.meaning)}\n"
        )
    for program in programs:
        head = f"complete -c mote -n '__fish_seen_subcommand_from {program.name}'"
        for option in program.options:
            text += "".join(fish_option(option, known, head))
    for option in cc.options:
        text += "".join(fish_option(option, known, "complete -c mote-cc"))
    return text


BASH_FOLDER = "bash-completion/completions"
PLACES = {
    f"{BASH_FOLDER}/mote": make_bash,
    "zsh/site-functions/_mote": make_zsh,
    "fish/vendor_completions.d/mote.fish": make_fish,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mote", required=True, metavar="PROGRAM")
    parser.add_argument("--mote-cc", required=True, metavar="PROGRAM")
    parser.add_argument("folder", type=Path, help="what will be /usr/share or like it")
    arguments = parser.parse_args()
    try:
        programs, cc, types = read_programs(arguments.mote, arguments.mote_cc)
        known = command_help.option_words()
    except command_help.Problem as problem:
        sys.exit(f"make_completion: {problem}")
    for place, make in PLACES.items():
        path = arguments.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make(programs, cc, types, known), encoding="utf-8")
    # bash looks for a file with the name of the command.
    link = arguments.folder / BASH_FOLDER / "mote-cc"
    link.unlink(missing_ok=True)
    link.symlink_to("mote")


if __name__ == "__main__":
    main()
