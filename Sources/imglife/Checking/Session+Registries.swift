import Registry
import Sync
import YAML

extension Session {
    /// How registries are reached, once the certificates for that have been looked at.
    ///
    /// - Throws: `ConfigurationError` with all that is wrong with them, each at its place.
    var usableRegistries: RegistryConfiguration {
        get async throws {
            let problems = try await FileCheck(session: self).certificateProblems()
            guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
            return registries
        }
    }
}
