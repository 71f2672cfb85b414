import OCI

/// A place in a text file; lines and columns count from 1, columns in Unicode scalars.
package struct SourcePosition: Hashable, Comparable, Sendable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package static func < (left: SourcePosition, right: SourcePosition) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// One thing that is wrong, or doubtful, in a configuration file.
///
/// Its description is one line, safe to show:
/// `imglife.yaml:12:15: sync.entries[1].keep_last: must be a whole number of at least 1, not '0'`.
package struct ConfigurationProblem: Hashable, Sendable, CustomStringConvertible {
    package let file: String
    package let position: SourcePosition
    /// The field's path, such as `sync.entries[2].tag_regex`; empty when the file as a whole is meant.
    package let path: String
    /// What is wrong and what would be right.
    package let message: String

    package init(file: String, position: SourcePosition, path: String, message: String) {
        self.file = file
        self.position = position
        self.path = path
        self.message = message
    }

    package var description: String {
        let place = "\(file.displaySafe):\(position.line):\(position.column): "
        return place + (path.isEmpty ? "" : "\(path.displaySafe): ") + message
    }
}

/// A configuration that cannot be used, with every problem that one reading found.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Never empty; in the order of their positions.
    package let problems: [ConfigurationProblem]

    package init(problems: [ConfigurationProblem]) {
        self.problems = problems
    }

    /// One line a problem.
    package var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}
