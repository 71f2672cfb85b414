import OCI
import Sync
import Testing

@testable import Convert

/// A conversion's text and the configuration that it is.
struct Converted {
    let text: String
    let configuration: Configuration

    init(_ files: String..., format: ForeignFormat? = nil, target: String? = nil, isScoped: Bool = false) throws {
        var conversion = try Conversion(target: target, isScoped: isScoped)
        for file in files { try conversion.add(file, file: "file", format: format) }
        text = try conversion.yaml()
        configuration = try Configuration(yaml: text, file: "imglife.yaml")
        #expect(configuration.warnings.isEmpty, "\(configuration.warnings)")
    }

    /// The text with each comment on one line.
    var flat: String {
        var lines: [Substring] = []
        for line in text.split(separator: "\n") {
            let words = line.drop { $0 == " " }
            if words.hasPrefix("# "), let last = lines.last, last.drop(while: { $0 == " " }).hasPrefix("#") {
                lines[lines.count - 1] = last + words.dropFirst()
            } else {
                lines.append(line)
            }
        }
        return lines.joined(separator: "\n")
    }

    /// `source:tag -> target`, or `source /expression/ -> target`.
    var entries: [String] {
        configuration.entries.map { entry in
            switch entry.selection {
            case .tag(let tag): "\(entry.source):\(tag) -> \(entry.target)"
            case .pattern(let pattern): "\(entry.source) /\(pattern)/ -> \(entry.target)"
            }
        }
    }

    /// The tags of a list that an entry picks, whatever their order.
    func tags(of list: [String]) throws -> [String] {
        var picked: Set<String> = []
        for entry in configuration.entries {
            switch entry.selection {
            case .tag(let tag): picked.insert(tag.description)
            case .pattern(let pattern):
                for tag in try list.filter({ try pattern.matches(TagName($0)) }) { picked.insert(tag) }
            }
        }
        return list.filter(picked.contains)
    }
}
