import Cache
import Concurrency
import Logging
import OCI
import Registry
import TestSupport

extension Campaign {
    /// How many cases of network faults there are at most.
    package static var networkFaultCount: Int { NetworkCase.all.count }

    /// What goes wrong × where in which operation × for how long × how the registry wants to be asked.
    ///
    /// What goes away is overcome within the tries that there are; what stays ends in an error that says whose registry
    /// it is; nothing hangs, and nobody is given something else than what there is.
    package static func networkFaults(_ count: Int) async throws -> Figures {
        let ledger = Ledger("registries and networks that go wrong")
        let all = NetworkCase.all
        let step = max(1, all.count / max(1, count))
        let overcome = Watched(0)
        try await onTwoLanes(stride(from: 0, to: all.count, by: step)) { number in
            ledger.countCase()
            let fault = all[number]
            do {
                if try await fault.run(ledger) { overcome.update { $0 += 1 } }
            } catch {
                ledger.problem("\(fault): \(error)")
            }
        }
        ledger.remark(
            "\(NetworkKind.all.count) kinds, \(NetworkOperation.allCases.count) operations; \(overcome.value) overcome, the "
                + "others told"
        )
        return ledger.figures
    }
}

/// One fault at one place of one operation.
private struct NetworkCase: Sendable, CustomStringConvertible {
    /// How the registry wants to be asked.
    enum Asking: CaseIterable, Sendable {
        case plain
        case basic
        case bearer
    }

    /// The requests that a case may take: those of the operation without a fault, and three tries of each twice.
    private static let maximumRequests = 60
    private static let longest = Duration.seconds(120)

    let kind: NetworkKind
    let operation: NetworkOperation
    let position: Int
    let offset: Int
    /// How many requests pass before.
    let after: Int
    /// How often; `nil` for always.
    let times: Int?
    let asking: Asking

    var description: String {
        "\(kind.name) at byte \(offset) of \(operation) \(position), \(times.map { "\($0)×" } ?? "always") after \(after), "
            + "\(asking)"
    }

    static let all: [NetworkCase] = NetworkKind.all.flatMap { kind in
        NetworkOperation.allCases.flatMap { operation in
            operation.positions.indices.flatMap { position in
                variants(kind, operation, position)
            }
        }
    }

    private static func variants(
        _ kind: NetworkKind,
        _ operation: NetworkOperation,
        _ position: Int
    ) -> [NetworkCase] {
        if kind.saysStored, operation.positions[position].0 == "PUT" { return [] }
        let offsets = kind.hasOffsets ? [0, 1, 100, 299_999] : [0]
        let times: [Int?] = kind.isTransient ? [1, 2] : [nil, 1]
        let asked = operation == .token ? [.bearer] : Asking.allCases
        return offsets.flatMap { offset in
            times.flatMap { times in
                [0, 1].flatMap { after in
                    asked.map { asking in
                        NetworkCase(
                            kind: kind,
                            operation: operation,
                            position: position,
                            offset: offset,
                            after: after,
                            times: times,
                            asking: asking
                        )
                    }
                }
            }
        }
    }

    /// - Returns: whether the operation succeeded.
    func run(_ ledger: Ledger) async throws -> Bool {
        let issuer = TokenIssuer(accounts: ["ci": "p4ss"])
        let authentication: Authentication =
            switch asking {
            case .plain: .none
            case .basic: .basic(username: "ci", password: "p4ss")
            case .bearer: .bearer(issuer)
            }
        return try await ScriptedRegistry.with(authentication: authentication) { registry in
            registry.options.pageSize = 2
            registry.load(NetworkWork.image, repository: NetworkWork.name)
            for tag in NetworkWork.tags { registry.store.tag(tag, NetworkWork.image.digest, in: NetworkWork.name) }
            if operation == .push { registry.store.remove(NetworkWork.name) }
            let (method, path) = operation.positions[position]
            registry.script(RequestMatch(method, path, times: times, after: after), kind.action(offset))
            return try await TemporaryDirectory.with { directory in
                try await judge(registry, directory, ledger)
            }
        }
    }

    private func judge(_ registry: ScriptedRegistry, _ directory: String, _ ledger: Ledger) async throws -> Bool {
        let outcome = await Self.outcome { try await attempt(registry, directory) }
        if registry.requests.count > Self.maximumRequests {
            ledger.problem("\(self): \(registry.requests.count) requests")
        }
        switch outcome {
        case .success(true): return true
        case .success(false): ledger.wrong("\(self): success with other content")
        case .failure(let error) where kind.isTransient: ledger.problem("\(self): not overcome: \(error)")
        case .failure(is NetworkAbsence): break
        case .failure(is Timer.Expired): ledger.problem("\(self): it hangs")
        case .failure(let error):
            let text = "\(error)"
            if !text.contains("\(registry.host)") || text.contains("Error(") || text.contains("NIO") {
                ledger.problem("\(self): an error that nobody understands: \(text)")
            }
        }
        return false
    }

    private static func outcome(_ body: () async throws -> Bool) async -> Result<Bool, any Error> {
        do { return .success(try await body()) } catch { return .failure(error) }
    }

    private func attempt(_ registry: ScriptedRegistry, _ directory: String) async throws -> Bool {
        let name = "IMGLIFE_" + registry.host.description.map { $0.isLetter || $0.isNumber ? "\($0)" : "_" }.joined()
        var configuration = RegistryConfiguration(logger: Logger(label: "network") { _ in SwiftLogNoOpLogHandler() })
        configuration.credentials = try CredentialStore(
            environment: [name + "_USERNAME": "ci", name + "_PASSWORD": "p4ss"],
            home: nil
        )
        configuration.clock = TestClock()
        let cache = CacheConfiguration(
            directory: directory + "/cache",
            logger: configuration.logger,
            clock: TestClock(),
            lockTimeout: .endless
        )
        let operation = operation
        return try await Timer(ContinuousClock()).limit(Self.longest) { [configuration] in
            try await RegistryClient.with(configuration) { client in
                guard operation == .through else {
                    return try await NetworkWork(registry: registry, cache: nil).run(operation, client)
                }
                return try await ContentCache.with(cache) { cache in
                    try await NetworkWork(registry: registry, cache: cache).run(operation, client)
                }
            }
        }
    }
}
