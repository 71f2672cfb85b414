import ArgumentParser
import Testing

@testable import imglife

/// A shell's command line in which the program stands, as documentation shows it.
struct CommandLineText {
    /// The words of the program's own commands in it, without its name.
    let commands: [[String]]
    private let text: String

    init(_ text: some StringProtocol) {
        self.text = String(text)
        commands = Self.split(String(text)).compactMap { words in
            let words = words.drop { $0.contains("=") && !$0.hasPrefix("-") || ["$", "#", "sudo"].contains($0) }
            guard let first = words.first, first == "imglife" || first.hasSuffix("/imglife") else { return nil }
            return Array(words.dropFirst())
        }
    }

    /// - Throws: what the argument parser says.
    func parse(sourceLocation: SourceLocation = #_sourceLocation) throws {
        for words in commands {
            do {
                _ = try Imglife.parseAsRoot(words)
            } catch {
                // Help and versions are thrown as well.
                guard !Imglife.exitCode(for: error).isSuccess else { continue }
                Issue.record("\(text): \(Imglife.message(for: error))", sourceLocation: sourceLocation)
            }
        }
    }

    /// The words of each command of a line: quotes taken off, redirections and comments left out.
    private static func split(_ text: String) -> [[String]] {
        var commands: [[String]] = [[]]
        var word: String?
        var quote: Character?
        var isRedirected = false
        func isSeparator(_ character: Character) -> Bool { ["|", ";", "&", "(", ")"].contains(character) }
        func end() {
            if let done = word, !isRedirected { commands[commands.count - 1].append(done) }
            if word != nil { isRedirected = false }
            word = nil
        }
        for character in text {
            if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "#", word == nil {
                break
            } else if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if character == ">" || character == "<" {
                if word?.allSatisfy(\.isNumber) == true { word = nil }
                end()
                isRedirected = true
            } else if isSeparator(character), !(word?.isEmpty == false && isRedirected) {
                end()
                commands.append([])
            } else if character.isWhitespace {
                end()
            } else {
                word = (word ?? "") + String(character)
            }
        }
        end()
        return commands
    }
}
