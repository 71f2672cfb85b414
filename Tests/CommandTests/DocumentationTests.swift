import ArgumentParser
import TestSupport
import Testing

@testable import imglife

/// What the documentation shows is what the program takes.
@Suite(.timeLimit(.minutes(10)))
struct DocumentationTests {
    private static let pages: [String] = {
        let all = (try? Files.tree("\(Repository.path)/docs")) ?? []
        let below = all.filter { $0.hasSuffix(".md") }.map { "docs/\($0)" }
        return ["README.md", "deploy/README.md", "CONTRIBUTING.md", "SECURITY.md"] + below
    }()

    /// The lines of a page on which the program is called, in blocks and in running text.
    private static func commandLines(_ page: String) -> [(line: String, isWhole: Bool)] {
        var lines: [(line: String, isWhole: Bool)] = []
        var isBlock = false
        var begun = ""
        for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.drop(while: { $0 == " " }).hasPrefix("```") {
                isBlock.toggle()
                continue
            }
            guard isBlock else {
                let parts = line.split(separator: "`", omittingEmptySubsequences: false)
                lines += parts.enumerated().filter { $0.offset % 2 == 1 }.map { (String($0.element), false) }
                continue
            }
            begun += line
            if begun.hasSuffix("\\") {
                begun.removeLast()
            } else {
                lines.append((begun, true))
                begun = ""
            }
        }
        return lines.filter { $0.line.contains("imglife ") }
    }

    @Test("Every command line of the documentation is one that the program takes", arguments: pages)
    func commandLines(page: String) throws {
        let text = try Files.text("\(Repository.path)/\(page)")
        for (line, isWhole) in Self.commandLines(text) {
            // What stands for something else: `…`, `...` and words in brackets.
            let plain = line.replacing("…", with: "").replacing("...", with: "").replacing(/\[[^\]]*\]/, with: "")
            for words in CommandLineText(plain).commands where Self.isCommand(words) {
                do {
                    _ = try Imglife.parseAsRoot(words)
                } catch {
                    guard !Imglife.exitCode(for: error).isSuccess else { continue }
                    // Running text may leave out what it does not speak of.
                    guard isWhole || !Imglife.message(for: error).hasPrefix("Missing ") else { continue }
                    Issue.record("\(page): \(line): \(Imglife.message(for: error))")
                }
            }
        }
    }

    /// The program's name also stands in running text, before words that are no command of it.
    private static func isCommand(_ words: [String]) -> Bool {
        guard let first = words.first else { return false }
        return first.hasPrefix("-") || CommandTree.child(first, of: Imglife.self) != nil
    }

    @Test("The guide has every command, every option and what is chosen among")
    func reference() throws {
        let guide = try Files.text("\(Repository.path)/docs/configuration.md")
        for (path, command) in CommandTree.all {
            if !path.isEmpty { #expect(guide.contains("| `\(path.joined(separator: " "))` |"), "\(path)") }
            let help = Imglife.helpMessage(for: command, columns: 200)
            let options = help.matches(of: /--[a-z][a-z-]+/).map { String($0.output) }
            #expect(options.contains("--help"))
            for option in options { #expect(guide.contains("`\(option)"), "\(option) of \(path)") }
        }
    }

    @Test("The pipeline of the recipe puts its own in the place of what the image begins with")
    func pipeline() throws {
        let build = try Files.text("\(Repository.path)/deploy/image/build")
        let page = try Files.text("\(Repository.path)/docs/recipes/ci.md")
        let job = try #require(page.split(separator: "```").first { $0.contains("# .gitlab-ci.yml") })
        #expect(build.contains(#""Entrypoint":"#) == job.contains("entrypoint: ['']"))
        let variables = build.matches(of: /"(IMGLIFE_[A-Z_]+)=/).map(\.output.1)
        #expect(variables.contains("IMGLIFE_CACHE_DIR"))
        for name in variables { #expect(job.contains("\(name): "), "\(name)") }
        let kept = try #require(job.firstMatch(of: /paths: \[([^\]]+)\]\}/))
        #expect(job.contains("IMGLIFE_CACHE_DIR: \(kept.output.1)}"))
    }

    @Test("Every page is led to by another one, and leads to files that are there", arguments: pages)
    func links(page: String) throws {
        let directory = page.split(separator: "/").dropLast().joined(separator: "/")
        let text = try Files.text("\(Repository.path)/\(page)")
        for match in text.matches(of: /\]\(([^)#: ]+)(#[^)]*)?\)|(?:src|srcset)="([^":]+)"/) {
            let target = String(match.output.1 ?? match.output.3 ?? "")
            let path = directory.isEmpty ? target : "\(directory)/\(target)"
            #expect(Files.exists("\(Repository.path)/\(path)"), "\(page) leads to \(target)")
        }
        guard page.hasPrefix("docs/") else { return }
        let name = String(page.split(separator: "/").last ?? "")
        let others = Self.pages.filter { $0 != page }
        let isFound = try others.contains { try Files.text("\(Repository.path)/\($0)").contains(name) }
        #expect(isFound, "\(page) is led to by no other page")
    }
}
