import OCI
import Sync
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RuntimeSettingsTests {
    @Test(
        "Without variables, and with empty ones, the documented defaults hold",
        arguments: [
            [:], ["IMGLIFE_SYNC_PARALLELISM": "", "IMGLIFE_RETRY_TIMEOUT": ""], ["HOME": "/root"],
        ]
    )
    func defaults(environment: [String: String]) throws {
        let settings = try RuntimeSettings(environment: environment)
        #expect(settings.parallelism == 4)
        #expect(settings.retry.attempts == 3)
        #expect(settings.retry.initialDelay == .seconds(2))
        #expect(settings.retry.backoff == 2)
        #expect(settings.retry.timeout == .seconds(60))
    }

    @Test("Every variable sets its value")
    func values() throws {
        let settings = try RuntimeSettings(environment: [
            "IMGLIFE_SYNC_PARALLELISM": "16", "IMGLIFE_RETRY_ATTEMPTS": "1", "IMGLIFE_RETRY_INITIAL_DELAY": "0s",
            "IMGLIFE_RETRY_BACKOFF": "1.5", "IMGLIFE_RETRY_TIMEOUT": "1m30s",
        ])
        #expect(settings.parallelism == 16)
        #expect(settings.retry == RetryPolicy(attempts: 1, initialDelay: .zero, backoff: 1.5, timeout: .seconds(90)))
    }

    @Test(
        "An invalid value is an error that names its variable and what is right",
        arguments: [
            ("IMGLIFE_SYNC_PARALLELISM", "0", "a whole number from 1 to 256"),
            ("IMGLIFE_SYNC_PARALLELISM", "257", "a whole number from 1 to 256"),
            ("IMGLIFE_SYNC_PARALLELISM", "+4", "a whole number from 1 to 256"),
            ("IMGLIFE_SYNC_PARALLELISM", " 4", "a whole number from 1 to 256"),
            ("IMGLIFE_RETRY_ATTEMPTS", "three", "a whole number from 1 to 100"),
            ("IMGLIFE_RETRY_INITIAL_DELAY", "2", "a duration from 0s up to 24h with its unit, such as 2s or 1m30s"),
            ("IMGLIFE_RETRY_INITIAL_DELAY", "-1s", "a duration from 0s up to 24h with its unit, such as 2s or 1m30s"),
            ("IMGLIFE_RETRY_BACKOFF", "0.5", "a number from 1 to 100, such as 2 or 1.5"),
            ("IMGLIFE_RETRY_BACKOFF", "nan", "a number from 1 to 100, such as 2 or 1.5"),
            ("IMGLIFE_RETRY_BACKOFF", "1e1", "a number from 1 to 100, such as 2 or 1.5"),
            (
                "IMGLIFE_RETRY_TIMEOUT", "0s",
                "a duration of more than zero, up to 24h with its unit, such as 2s or 1m30s"
            ),
            (
                "IMGLIFE_RETRY_TIMEOUT", "1h99999999h",
                "a duration of more than zero, up to 24h with its unit, such as 2s or 1m30s"
            ),
        ]
    )
    func invalid(name: String, value: String, expectation: String) {
        let error = #expect(throws: SettingsError.self) { try RuntimeSettings(environment: [name: value]) }
        #expect(error?.description == "\(name) must be \(expectation), not '\(value)'")
    }

    @Test("All invalid variables are told at once")
    func all() {
        let names = ["SYNC_PARALLELISM", "RETRY_ATTEMPTS", "RETRY_INITIAL_DELAY", "RETRY_BACKOFF", "RETRY_TIMEOUT"]
        let environment = Dictionary(uniqueKeysWithValues: names.map { ("IMGLIFE_\($0)", "x\u{1b}") })
        let error = #expect(throws: SettingsError.self) { try RuntimeSettings(environment: environment) }
        #expect(error?.problems.count == 5)
        #expect(error?.description.contains("\u{1b}") == false)
    }
}
