import TestSupport

/// The requests that a registry got, as `METHOD path` lines.
struct RequestLog {
    let lines: [String]

    init(_ lines: [String]) { self.lines = lines }

    init(_ registry: ScriptedRegistry) {
        self.init(registry.transcript)
    }

    /// How many requests with a method (`nil`: any) have a target that contains a text.
    func count(_ method: String? = nil, _ text: String = "") -> Int {
        lines.count { (method == nil || $0.hasPrefix("\(method ?? "") ")) && $0.contains(text) }
    }

    /// How often each blob was fetched.
    var blobFetches: [String: Int] {
        let fetches = lines.filter { $0.hasPrefix("GET ") && $0.contains("/blobs/sha") }
        return Dictionary(fetches.map { (String($0.split(separator: "/").last ?? ""), 1) }, uniquingKeysWith: +)
    }

    /// What came after another log of the same registry.
    func since(_ earlier: RequestLog) -> RequestLog { since(earlier.lines.count) }

    /// What came after the first few.
    func since(_ count: Int) -> RequestLog { RequestLog(Array(lines.dropFirst(count))) }
}
