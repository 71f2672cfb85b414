import OCI

/// What became of one hook.
package struct HookOutcome: Hashable, Sendable, CustomStringConvertible {
    /// How it ended.
    package enum Result: Hashable, Sendable {
        /// Its shell exited with 0.
        case succeeded
        /// Its shell exited with another code.
        case exited(code: Int32)
        /// Its shell was ended by a signal that did not come from here.
        case signalled(Int32)
        /// It was ended because it took longer than its timeout.
        case timedOut
        /// Its shell could not be started.
        case notStarted(reason: String)
        /// It did not run, because an earlier hook of the list failed.
        case skipped
    }

    package let hook: Hook
    /// The hook as messages name it: `sync.entries[0].hooks.post_sync[0] of docker.io/library/alpine`.
    package let name: String
    package let result: Result

    package init(hook: Hook, name: String, result: Result) {
        self.hook = hook
        self.name = name
        self.result = result
    }

    /// Whether it counts as an error of the run: it failed, and its configuration does not say to go on.
    ///
    /// A skipped hook is no error of its own; the one that failed before it is.
    package var isError: Bool { isFailure && !hook.continuesOnError }

    /// Whether it ran, or should have, and did not succeed.
    package var isFailure: Bool {
        switch result {
        case .succeeded, .skipped: false
        case .exited, .signalled, .timedOut, .notStarted: true
        }
    }

    /// One line, safe to show; the command is not in it, because people put secrets there.
    package var description: String { "hook \(name) \(end)" }

    /// The same, for who names the hook beside it.
    var end: String {
        switch result {
        case .succeeded: "succeeded"
        case .exited(let code): "failed with exit code \(code); its output is in the log"
        case .signalled(let signal): "was ended by signal \(signal); its output is in the log"
        case .timedOut: "was ended after \(hook.timeout); give it more time with 'timeout'"
        case .notStarted(let reason): "did not run: /bin/sh could not be started: \(reason.displaySafe)"
        case .skipped: "was skipped, because one before it failed"
        }
    }
}
