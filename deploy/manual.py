#!/usr/bin/env python3
"""Writes man pages from what the program says of itself: manual.py IMGLIFE DIRECTORY [DATE]."""

import json
import subprocess
import sys
import time


def text(words):
    """Words as roff takes them: no line begins a request, hyphens of options stay what they are."""
    words = words.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\n".join("\\&" + line if line[:1] in ".'" else line for line in words.split("\n"))


def paragraphs(words):
    """A discussion: blank lines part paragraphs, indented lines are examples."""
    result = []
    for block in words.strip().split("\n\n"):
        lines = block.split("\n")
        result.append(".PP")
        example = False
        for line in lines:
            if line.startswith("  ") != example:
                result.append(".EE\n.RE" if example else ".RS\n.EX")
                example = not example
            result.append(text(line.strip()))
        if example:
            result.append(".EE\n.RE")
    return result


def option(argument):
    """The head of an argument's entry: '-c, --config file'."""
    names = [("-" if name["kind"] == "short" else "--") + name["name"] for name in argument.get("names", [])]
    value = argument.get("valueName", "")
    if argument["kind"] == "positional":
        return f"\\fI{text(value)}\\fR"
    head = ", ".join(f"\\fB{text(name)}\\fR" for name in names)
    return head + (f" \\fI{text(value)}\\fR" if argument["kind"] == "option" else "")


def synopsis(path, command):
    words = [f"\\fB{text(' '.join(path))}\\fR"]
    if command.get("subcommands"):
        words.append("\\fIcommand\\fR")
    if any(argument["kind"] != "positional" for argument in shown(command)):
        words.append("[\\fIoptions\\fR]")
    for argument in shown(command):
        if argument["kind"] == "positional":
            word = f"\\fI{text(argument['valueName'])}\\fR" + (" .\\|.\\|." if argument["isRepeating"] else "")
            words.append(f"[{word}]" if argument["isOptional"] else word)
    return " ".join(words)


def shown(command):
    return [argument for argument in command.get("arguments", []) if argument.get("shouldDisplay", True)]


def subcommands(command):
    return [sub for sub in command.get("subcommands", []) if sub["commandName"] != "help" and sub.get("shouldDisplay", True)]


def arguments(command):
    lines = []
    for argument in shown(command):
        lines.append(".TP\n" + option(argument))
        words = argument.get("abstract", "")
        values = argument.get("allValues")
        if values and not all(value in words for value in values):
            words += " One of " + ", ".join(values) + "."
        default = argument.get("defaultValue")
        if default and "default" not in words:
            words += f" (default: {default})"
        lines.append(text(words.strip() or "."))
    return lines


def environment(program):
    """The variables, as 'help environment' lists them in columns."""
    listed = subprocess.run([program, "help", "environment"], capture_output=True, check=True, encoding="utf-8").stdout
    words, table = listed.strip().split("\n\n")
    head, *rows = table.split("\n")
    default, meaning = head.index("DEFAULT"), head.index("MEANING")
    lines = [text(words)]
    for row in rows:
        preset = row[default:meaning].strip()
        lines += [f".TP\n\\fB{text(row[:default].strip())}\\fR", text(row[meaning:] + (f" (default: {preset})" if preset else ""))]
    return lines


def related(path, root):
    """The pages above, beside and below one."""
    names, command = [], root
    for depth, name in enumerate(path[1:], 1):
        names += [path[:depth]] + [path[:depth] + [sub["commandName"]] for sub in subcommands(command)]
        command = next(sub for sub in subcommands(command) if sub["commandName"] == name)
    names += [path + [sub["commandName"]] for sub in subcommands(command)]
    return [f"\\fB{text('-'.join(name))}\\fR(1)" for name in names if name != path]


def page(path, command, root, variables, date):
    name = "-".join(path)
    abstract = command.get("abstract", "").rstrip(".")
    lines = [f'.TH {name.upper()} 1 "{date}" "imglife" "imglife"']
    lines += [".SH NAME", f"{text(name)} \\- {text(abstract[:1].lower() + abstract[1:])}"]
    lines += [".SH SYNOPSIS", ".nf", synopsis(path, command), ".fi"]
    lines += [".SH DESCRIPTION", text(command.get("abstract", ""))]
    if command.get("discussion"):
        lines += paragraphs(command["discussion"])
    if subcommands(command):
        lines.append(".SH COMMANDS")
        for sub in subcommands(command):
            lines += [".TP", f"\\fB{text(name + '-' + sub['commandName'])}\\fR(1)", text(sub.get("abstract", ""))]
    if shown(command):
        lines += [".SH OPTIONS"] + arguments(command)
    if command is not root:
        lines += [".SH GLOBAL OPTIONS", "These are taken before and after the command."] + arguments(root)
    lines += [".SH FILES", ".TP", "\\fIimglife.yaml\\fR", "The configuration, in the working directory where nothing else is said."]
    lines += [".SH ENVIRONMENT"] + (variables if command is root else ["The variables are told in \\fBimglife\\fR(1)."])
    lines += [".SH EXIT STATUS", "0: done; 1: something failed; 64: bad usage; 78: the configuration is invalid and nothing ran;"]
    lines += ["129, 130 and 143: interrupted by HUP, INT and TERM."]
    lines += [".SH SEE ALSO", ", ".join(related(path, root) + ["/usr/share/doc/imglife"])]
    return name, "\n".join(lines) + "\n"


def pages(path, command, *rest):
    yield page(path, command, *rest)
    for sub in subcommands(command):
        yield from pages(path + [sub["commandName"]], sub, *rest)


def main():
    program, directory = sys.argv[1:3]
    epoch = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time())
    date = time.strftime("%Y-%m-%d", time.gmtime(epoch))
    dump = json.loads(subprocess.run([program, "--experimental-dump-help"], capture_output=True, check=True).stdout)
    for name, content in pages(["imglife"], dump["command"], dump["command"], environment(program), date):
        with open(f"{directory}/{name}.1", "w", encoding="utf-8") as file:
            file.write(content)


main()
