import TestSupport

/// A page of the documentation, and what it has to be run.
struct DocumentedPage {
    /// Such as `docs/tutorial.md`.
    let name: String
    let text: String

    private static let root = "/" + String(#filePath).split(separator: "/").dropLast(4).joined(separator: "/")

    /// All pages that users read.
    static let names: [String] = {
        let below = (try? Files.tree("\(root)/docs"))?.filter { $0.hasSuffix(".md") }.map { "docs/\($0)" } ?? []
        return ["README.md", "deploy/README.md"] + below.sorted()
    }()

    init(_ name: String) throws {
        self.name = name
        text = try Files.text("\(Self.root)/\(name)")
    }

    private var blocks: [(language: String, lines: [Substring])] {
        var blocks: [(language: String, lines: [Substring])] = []
        var isOpen = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let bare = line.drop { $0 == " " }
            if bare.hasPrefix("```") {
                isOpen.toggle()
                if isOpen { blocks.append((String(bare.dropFirst(3)), [])) }
            } else if isOpen {
                blocks[blocks.count - 1].lines.append(line)
            }
        }
        return blocks
    }

    /// Command lines that call the program, in the order of the page.
    ///
    /// In a block that shows a console they stand behind a `$`.
    var commands: [String] {
        var commands: [String] = []
        for (language, lines) in blocks where ["console", "sh"].contains(language) {
            var begun = ""
            for line in lines {
                let bare = line.drop { $0 == " " }
                guard language != "console" || bare.hasPrefix("$ ") || !begun.isEmpty else { continue }
                begun += language == "console" && begun.isEmpty ? bare.dropFirst(2) : bare
                if begun.hasSuffix("\\") {
                    begun.removeLast()
                } else {
                    commands.append(begun)
                    begun = ""
                }
            }
        }
        return commands.filter { $0.contains(#/(^|[|&;] |^([A-Z_]+=[^ ]+ +)+|sudo )imglife /#) }
    }

    /// Whole files of the program.
    var configurations: [String] {
        blocks.filter { $0.language == "yaml" }.map { $0.lines.map { $0 + "\n" }.joined() }
            .filter { $0.contains(#/(^|\n)(sync|registries|cache):\n/#) }
    }
}
