import OCI

/// What programs have said is safe, by the lines that they printed.
///
/// ```
/// DIGEST                it is in the cache for good, as long as nothing collects
/// will tag NAME DIGEST  the name may mean that from now on
/// tag NAME DIGEST       it does
/// will untag NAME       the name may be gone from now on
/// untag NAME            it is
/// evicted NAME          it is, to make room, whatever else is said of it
/// ```
struct Acknowledged: Sendable {
    private(set) var blobs: Set<Digest> = []
    /// What each name may mean; `nil` is that it is gone.
    private(set) var names: [String: Set<Digest?>] = [:]
    private var evicted: Set<String> = []

    init() {}

    /// Takes the whole lines of a program that may have been killed in the middle of one.
    mutating func read(_ output: String) {
        for line in output.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let words = line.split(separator: " ").map(String.init)
            switch (words.first, words.count) {
            case (let text?, 1): if let digest = try? Digest(text) { blobs.insert(digest) }
            case ("tag", 3): names[words[1]] = [try? Digest(words[2])]
            case ("untag", 2): names[words[1]] = [nil]
            case ("evicted", 2): evicted.insert(words[1])
            case ("will", 4): names[words[2], default: [nil]].insert(try? Digest(words[3]))
            case ("will", 3): names[words[2], default: [nil]].insert(nil)
            default: break
            }
        }
    }

    /// Blobs may be collected from now on; what names mean is kept all the same.
    mutating func allowCollection() { blobs = [] }

    /// Learns what really is, after a check: what was only possible has been decided.
    mutating func settle(_ examination: Examination) {
        for name in names.keys { names[name] = [examination.tags[name]] }
    }

    func lost(_ examination: Examination) -> [String] {
        let wrong = names.filter { name, meanings in
            let found = examination.tags[name]
            return !meanings.contains(found) && !(found == nil && evicted.contains(name))
        }
        return blobs.subtracting(examination.blobs).sorted().map { "acknowledged, but lost: \($0)" }
            + wrong.map { "\($0.key) is \(String(describing: examination.tags[$0.key])), not one of \($0.value)" }
            .sorted()
    }
}
