import ArgumentParser
import OCI
import Sync

extension Session {
    /// The positions of the entries whose source or target matches one of the globs; all of them when there is none.
    ///
    /// - Throws: `ValidationError` for a glob that no entry matches.
    func positions(matching patterns: [String]) throws -> [Int] {
        let all = configuration.entries.indices
        guard !patterns.isEmpty else { return Array(all) }
        let matches = patterns.map { pattern in
            all.filter { position in
                let entry = configuration.entries[position]
                return [entry.source, entry.target].contains { NameGlob(pattern).matches($0) }
            }
        }
        let idle = zip(patterns, matches).filter(\.1.isEmpty).map { "--entry \($0.0.displaySafe)" }
        guard idle.isEmpty else {
            throw ValidationError("no entry's source or target matches \(idle.joined(separator: ", "))")
        }
        return Set(matches.joined()).sorted()
    }

    /// The entries that an export is of: those that match, or all of them when nothing else says what is meant.
    ///
    /// - Throws: `ValidationError` when none matches, or there is no configuration to match in.
    func exported(matching patterns: [String], isNeeded: Bool) throws -> [Int] {
        guard hasFile || patterns.isEmpty else {
            throw ValidationError("--entry needs a configuration; name it with --config")
        }
        return patterns.isEmpty && !isNeeded ? [] : try positions(matching: patterns)
    }
}
