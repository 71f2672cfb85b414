import OCI
import YAML

/// Says that `${NAME}` and `~/` stay as they are written, and which environment variables are read instead.
enum SubstitutionHint {
    /// Warns of each value that looks so.
    ///
    /// Commands are none of them: their shell substitutes.
    static func warn(_ root: Fields, except foreign: [String], _ reader: inout FieldReader) {
        for (key, field) in root.all where !foreign.contains(key) { warn(field, key: key, &reader) }
    }

    private static func warn(_ field: Field, key: String, _ reader: inout FieldReader) {
        switch field.node.content {
        case .scalar(let text, _):
            if paths.contains(key), !field.node.isNull, let start = home(text) {
                reader.warn(field, "'\(start.displaySafe)' is not substituted; write the whole path")
            }
            guard key != "cmd", let name = field.node.variable else { return }
            reader.warn(field, "'${\(name)}' is not substituted; \(advice(field.path))")
        case .sequence(let nodes):
            for (index, node) in nodes.enumerated() {
                warn(Field(node: node, path: "\(field.path)[\(index)]"), key: key, &reader)
            }
        case .mapping(let pairs):
            for (name, node) in pairs {
                guard case .scalar(let text, _) = name.content else { continue }
                warn(Field(node: node, path: name.path(below: field.path)), key: text, &reader)
            }
        }
    }

    /// The keys whose values name files.
    private static let paths = ["path", "ca_file", "eol_data_file"]

    /// What a shell would replace at a path's beginning: `~/`, `~user/`, a lone `~`.
    private static func home(_ text: String) -> Substring? {
        guard text.hasPrefix("~") else { return nil }
        return text[...(text.firstIndex(of: "/") ?? text.index(before: text.endIndex))]
    }

    private static func advice(_ path: String) -> String {
        switch path.split(separator: ".").first {
        case "cache": "imglife itself reads the cache's directory from IMGLIFE_CACHE_DIR"
        case "registries", "registry":
            "imglife itself reads credentials from IMGLIFE_<HOST>_USERNAME and IMGLIFE_<HOST>_PASSWORD or _TOKEN, "
                + "and proxies from HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
        default:
            "imglife itself reads IMGLIFE_CONFIG, IMGLIFE_CACHE_DIR, IMGLIFE_SYNC_PARALLELISM, IMGLIFE_RETRY_* and "
                + "IMGLIFE_<HOST>_USERNAME, _PASSWORD and _TOKEN; write the value itself here"
        }
    }
}
