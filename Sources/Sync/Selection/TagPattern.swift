private import CRE2
package import OCI

/// A regular expression that picks tags: RE2's dialect and its linear time, whatever the pattern.
///
/// Searched, not anchored: `^` and `$` are the pattern's own business. Compiled once; safe to use from many tasks.
package final class TagPattern: Sendable, CustomStringConvertible {
    /// The pattern as it was written.
    package let description: String
    /// The compiled pattern's address: an integer, because pointers are not Sendable while RE2's matching is.
    private let address: UInt
    /// What it leaves out of its matches.
    let exclusion: TagPattern?

    /// The longest pattern that is compiled, in bytes.
    package static let maximumLength = 1024
    /// RE2 spends a sixth of it on the program, at 16 bytes an instruction: just under 10 000 instructions.
    private static let memoryBudget: Int64 = 960_000

    /// Compiles a pattern.
    ///
    /// - Parameters:
    ///   - pattern: RE2.
    ///   - exclusion: tags in which this is found are never picked (`tag_exclude`).
    /// - Throws: ``PatternError`` with RE2's own words and the piece that it stumbled over.
    package init(_ pattern: String, excluding exclusion: TagPattern? = nil) throws(PatternError) {
        guard pattern.utf8.count <= Self.maximumLength else {
            throw PatternError(reason: "it is longer than \(Self.maximumLength) bytes")
        }
        let compiled = pattern.utf8.withContiguousBytes { cre2_compile($0, $1, Self.memoryBudget) }
        guard let compiled else { throw PatternError(reason: "out of memory") }
        if let reason = cre2_error(compiled).map({ String(cString: $0) }) {
            cre2_free(compiled)
            throw PatternError(reason: reason)
        }
        description = pattern
        address = UInt(bitPattern: compiled)
        self.exclusion = exclusion
    }

    deinit {
        if let pointer = OpaquePointer(bitPattern: address) { cre2_free(pointer) }
    }

    /// Whether the pattern is found anywhere in the tag, and what it leaves out is not.
    package func matches(_ tag: TagName) -> Bool { exclusion?.matches(tag) != true && isFound(in: tag) }

    /// Whether it is picked but for what the pattern leaves out.
    func excludes(_ tag: TagName) -> Bool { exclusion?.matches(tag) == true && isFound(in: tag) }

    /// Whether all that it finds begins with a text; `false` where that cannot be told.
    package func begins(with prefix: String) -> Bool {
        guard let pointer = OpaquePointer(bitPattern: address) else { return false }
        return withExtendedLifetime(self) {
            prefix.utf8.withContiguousBytes { cre2_begins_with(pointer, $0, $1) }
        }
    }

    /// Whether the pattern is found anywhere in the tag, whatever it leaves out.
    func isFound(in tag: TagName) -> Bool {
        guard let pointer = OpaquePointer(bitPattern: address) else { return false }
        return withExtendedLifetime(self) {
            tag.description.utf8.withContiguousBytes { cre2_search(pointer, $0, $1) }
        }
    }
}

/// Why a regular expression does not compile.
package struct PatternError: Error, Hashable, Sendable, CustomStringConvertible {
    package let reason: String

    package var description: String { "must be a regular expression that RE2 compiles: \(reason.displaySafe)\(advice)" }

    private var advice: String {
        reason.contains("invalid perl operator")
            ? "; RE2 does not look ahead or behind: leave tags out with 'tag_exclude'" : ""
    }
}

extension String.UTF8View {
    fileprivate func withContiguousBytes<T>(_ body: (UnsafePointer<CChar>?, Int) -> T) -> T {
        Array(self).withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { body($0.baseAddress, $0.count) }
        }
    }
}
