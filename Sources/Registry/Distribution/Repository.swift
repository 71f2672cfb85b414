import NIOHTTP1
package import OCI

/// One repository of one registry, to read from and, where it was asked for, to write to.
///
/// All its operations are safe to repeat. Besides what they document they throw ``RegistryError`` and
/// `CancellationError`.
package struct Repository: ContentSource, ContentSink, Sendable {
    package let location: RepositoryReference
    package let access: Access
    let client: HostClient

    init(location: RepositoryReference, access: Access, client: HostClient) {
        self.location = location
        self.access = access
        self.client = client
    }

    package var place: String { location.description }

    /// The beginning of an operation.
    func context(_ action: RegistryError.Action) -> CallContext { client.retry.context(action, location) }

    /// A request below `/v2/<name>/`.
    func request(
        _ context: CallContext,
        _ method: HTTPMethod,
        _ path: String,
        query: String? = nil
    ) -> HTTPRequest {
        request(context, method, to: .path("\(location.repository)/\(path)", query: query))
    }

    /// A request to where the registry has sent us.
    func request(_ context: CallContext, _ method: HTTPMethod, to target: HTTPRequest.Target) -> HTTPRequest {
        var request = HTTPRequest(context: context, method: method, target: target)
        request.scope = Scope(repository: location.repository, access: access)
        request.lane = access == .push ? .write : .read
        return request
    }
}
