import NIOHTTP1
package import OCI

/// One repository of one registry, to read from and, where it was asked for, to write to.
///
/// All its operations are safe to repeat. Besides what they document they throw ``RegistryError`` and
/// `CancellationError`.
package struct Repository: ContentSource, ContentSink, Sendable {
    package let location: RepositoryReference
    package let access: Access
    let connection: HostClient

    init(location: RepositoryReference, access: Access, connection: HostClient) {
        self.location = location
        self.access = access
        self.connection = connection
    }

    package var place: String { location.description }

    /// A request below `/v2/<name>/`.
    func call(
        _ action: RegistryError.Action,
        _ method: HTTPMethod,
        _ path: String,
        query: String? = nil
    ) -> Call {
        Call(
            context: CallContext(action: action, location: location),
            scope: Scope(repository: location.repository, access: access),
            method: method,
            target: .path("\(location.repository)/\(path)", query: query)
        )
    }
}
