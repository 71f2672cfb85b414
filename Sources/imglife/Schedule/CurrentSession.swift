import Cache
import Logging
import OCI
import Registry
import Sync
import Synchronization
import YAML

/// The configuration that whatever begins next follows; read again on HUP.
final class CurrentSession: Sendable {
    private let options: GlobalOptions
    private let copies: Bool
    private let validate: @Sendable (Session) throws -> Void
    private let session: Mutex<Session>
    /// Whether a run is under way.
    let isRunning = Atomic(false)

    /// - Parameters:
    ///   - session: the first one.
    ///   - options: where the configuration is.
    ///   - copies: whether the command is of no use without the configuration's entries.
    ///   - validate: what the command asks of a configuration besides that it is valid.
    init(
        _ session: Session,
        options: GlobalOptions,
        copies: Bool,
        validate: @escaping @Sendable (Session) throws -> Void = { _ in }
    ) {
        self.session = Mutex(session)
        self.options = options
        self.copies = copies
        self.validate = validate
    }

    var value: Session { session.withLock { $0 } }

    /// Reads the configuration again; one that is broken is told, and the old one stays.
    ///
    /// Nothing becomes of it when the task is cancelled while the file does not come.
    ///
    /// - Parameter follow: is given one that is good.
    func reload(_ follow: (Session) -> Void = { _ in }) async {
        let logger = value.logger
        // Whatever becomes of the file.
        value.credentials.forget()
        guard value.file != "-" else {
            return logger.error("the configuration came from standard input; the old one stays until a restart")
        }
        do {
            // A file that has been there and is gone is no wish for all defaults.
            let new = try await leavable { [options, copies, validate, needsFile = value.hasFile] in
                let new = try Session(options: options, copies: copies, needsFile: needsFile)
                try validate(new)
                try new.registries.check()
                return new
            }
            guard new.cacheDirectory == value.cacheDirectory else {
                return logger.error("the new configuration has another cache; the old one stays until a restart")
            }
            session.withLock { $0 = new }
            follow(new)
            logger.notice("read the configuration again; what begins from now follows it")
        } catch let error as ConfigurationError {
            logger.error("the new configuration is invalid; the old one stays")
            for problem in error.problems { logger.error("\(problem)") }
        } catch is CancellationError {
        } catch {
            logger.error("the configuration cannot be read again; the old one stays", metadata: ["error": "\(error)"])
        }
    }
}
