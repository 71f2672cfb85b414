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
    /// Reads what can be read of a configuration, and notes its problems; another tool's file is called by its name.
    static func recognizing(
        yaml: String,
        file: String,
        needsEntries: Bool,
        noting findings: inout Findings
    ) -> Configuration {
        let name = file == "-" ? "<stdin>" : file
        var problems: [ConfigurationProblem] = []
        var configuration = Configuration(yaml: yaml, file: name, needsEntries: needsEntries, noting: &problems)
        if ConfigurationFile.isStream(file) { configuration.directory = "." }
        guard !problems.isEmpty, let format = ForeignFormat.recognize(yaml) else {
            findings.problems += problems
            return configuration
        }
        findings.note(ForeignConfiguration(file: file, format: format))
        return Configuration(directory: configuration.directory)
    }
}

extension ForeignFormat {
    fileprivate var article: String {
        self == .list ? "" : "a file of "
    }
}
