import OCI
import Sync
import YAML

/// A mapping of another tool's file that is taken apart key by key; what is left becomes comments.
struct Section {
    private var pairs: [ForeignValue.Pair]
    /// Where it begins, as ``ForeignValue/Pair/place`` tells it.
    let place: String

    /// Keys whose values are nobody's business but the registry's.
    private static let secrets = ["pass", "auth", "token", "secret", "key", "credential"]

    init?(_ value: ForeignValue?) {
        guard let pairs = value?.pairs else { return nil }
        self.pairs = pairs
        place = pairs.first?.place ?? ""
    }

    /// The value of a key, which no longer counts as left; `nil` where it is missing or empty.
    mutating func take(_ key: String) -> ForeignValue? {
        guard let index = pairs.firstIndex(where: { $0.key == key }) else { return nil }
        let value = pairs.remove(at: index).value
        if case .null = value { return nil }
        return value
    }

    /// A key's text; what is none stays among what is left, and so it does with the others.
    mutating func text(_ key: String) -> String? { take(key, as: \.text) }

    mutating func bool(_ key: String) -> Bool? { take(key, as: \.bool) }

    mutating func mapping(_ key: String) -> [ForeignValue.Pair]? { take(key, as: \.pairs) }

    private mutating func take<Value>(_ key: String, as value: (ForeignValue) -> Value?) -> Value? {
        guard let found = pairs.first(where: { $0.key == key })?.value else { return nil }
        let result = value(found)
        if result != nil || found.isNull { _ = take(key) }
        return result
    }

    /// One comment for each key that nobody took: what is known of it, else that it is unknown.
    ///
    /// - Parameter advice: by key what stands in its place.
    /// - Returns: comments in the file's order.
    func leftovers(_ advice: [String: String] = [:]) -> [String] {
        pairs.compactMap { pair in
            guard !pair.key.hasPrefix("x-") else { return nil }
            let words = advice[pair.key] ?? "has no counterpart"
            return "\(Self.shown(pair.key, pair.value)): \(words)\(pair.place)"
        }
    }

    /// Advice for what tells another tool how to work, not what to copy.
    static let needless = "is not needed here"

    /// A key and its value on one line, without secrets.
    static func shown(_ key: String, _ value: ForeignValue) -> String {
        let name = key.displayedWithoutSecrets(limit: 60)
        let isSecret = secrets.contains { key.lowercased().contains($0) }
        return isSecret ? "'\(name)'" : "'\(name): \(Self.shown(value))'"
    }

    private static func shown(_ value: ForeignValue) -> String {
        switch value {
        case .null: "null"
        case .scalar(let text): text.displayedWithoutSecrets(limit: 80)
        case .list(let elements):
            "[\(elements.prefix(4).map { Self.shown($0) }.joined(separator: ", "))\(elements.count > 4 ? ", …" : "")]"
        case .mapping(let pairs):
            "{\(pairs.prefix(4).map { Self.inner($0) }.joined(separator: ", "))\(pairs.count > 4 ? ", …" : "")}"
        }
    }

    private static func inner(_ pair: ForeignValue.Pair) -> String {
        let name = pair.key.displayedWithoutSecrets(limit: 40)
        let isSecret = secrets.contains { pair.key.lowercased().contains($0) }
        return isSecret ? "\(name): …" : "\(name): \(shown(pair.value))"
    }
}
