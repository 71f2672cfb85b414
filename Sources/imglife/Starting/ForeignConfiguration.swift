import Convert
import OCI
import Sync
import YAML

/// The configuration is another tool's file.
struct ForeignConfiguration: Error, CustomStringConvertible {
    let file: String
    let format: ForeignFormat

    var description: String {
        let place = file == "-" ? "standard input" : "'\(file.displaySafe)'"
        return "\(place) is no configuration of imglife, but \(format.article)\(format.name): "
            + "'imglife convert \(file.displaySafe)' makes a configuration from it"
    }
}

extension Configuration {
    /// Reads a configuration; another tool's file is called by its name.
    ///
    /// - Throws: ``ForeignConfiguration``, `ConfigurationError`.
    static func recognizing(yaml: String, file: String, needsEntries: Bool) throws -> Configuration {
        do throws(ConfigurationError) {
            let name = file == "-" ? "<stdin>" : file
            var configuration = try Configuration(yaml: yaml, file: name, needsEntries: needsEntries)
            if ConfigurationFile.isStream(file) { configuration.directory = "." }
            return configuration
        } catch {
            guard let format = ForeignFormat.recognize(yaml) else { throw error }
            throw ForeignConfiguration(file: file, format: format)
        }
    }
}

extension ForeignFormat {
    fileprivate var article: String {
        self == .list ? "" : "a file of "
    }
}
