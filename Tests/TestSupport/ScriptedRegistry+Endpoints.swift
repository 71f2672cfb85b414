import NIOCore

extension ScriptedRegistry {
    private var pulls: PullEndpoints { PullEndpoints(store: store, options: options) }
    private var pushes: PushEndpoints { PushEndpoints(store: store, options: options) }

    /// The refusal of an upload request before its body is taken.
    func refusal(of request: RecordedRequest) -> Reply? {
        guard case .upload(let name, let id) = Route(path: request.path) else { return nil }
        guard request.method == "PATCH" || request.method == "PUT" else { return nil }
        return pushes.refusal(name, id, request)
    }

    /// The upload that a request's body goes to.
    func upload(of request: RecordedRequest) -> String? {
        guard case .upload(_, let id) = Route(path: request.path) else { return nil }
        return request.method == "PATCH" || request.method == "PUT" ? id : nil
    }

    /// The registry's own answer to a whole request.
    func respond(to request: RecordedRequest, body: ByteBuffer) -> Reply {
        let route = Route(path: request.path)
        if route == .token, let tokenIssuer {
            return tokenIssuer.respond(request, form: QueryItems(String(buffer: body)))
        }
        var reply =
            switch request.method {
            case "GET", "HEAD": read(route, request)
            default: write(route, request, body)
            }
        if options.sendsAPIVersion { reply.headers["Docker-Distribution-Api-Version"] = "registry/2.0" }
        return reply
    }

    private func read(_ route: Route, _ request: RecordedRequest) -> Reply {
        switch route {
        case .base: .json(200, "{}")
        case .manifest(let name, let reference): pulls.manifest(name, reference)
        case .blob(let name, let digest): pulls.blob(name, digest, request)
        case .tags(let name): pulls.tags(name, request.query)
        case .referrers(let name, let digest): pulls.referrers(name, digest, request.query)
        case .upload(let name, let id): pushes.status(name, id)
        case .uploads: .error(405, "UNSUPPORTED")
        case .token, .other: .error(404, "NOT_FOUND")
        }
    }

    private func write(_ route: Route, _ request: RecordedRequest, _ body: ByteBuffer) -> Reply {
        switch (request.method, route) {
        case ("POST", .uploads(let name)): pushes.open(name, request.query, body)
        case ("PATCH", .upload(let name, let id)): pushes.patched(name, id)
        case ("PUT", .upload(let name, let id)): pushes.finish(name, id, request.query)
        case ("DELETE", .upload(_, let id)): pushes.cancel(id)
        case ("PUT", .manifest(let name, let reference)): pushes.manifest(name, reference, request, body)
        default: .error(405, "UNSUPPORTED")
        }
    }
}
