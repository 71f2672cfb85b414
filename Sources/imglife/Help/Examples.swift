/// Command lines that show what each command is for; `--help` shows them, and each is one that the program takes.
enum Examples {
    /// Those of the command with these names, such as `["cache", "ls"]`.
    static func of(_ path: [String]) -> [String] { lines[path.joined(separator: " ")] ?? [] }

    private static let lines: [String: [String]] = [
        "": [
            "imglife init                       # a first imglife.yaml",
            "imglife --check                    # every problem of it, with line and column",
            "imglife sync --dry-run             # what would be done",
            "imglife sync                       # do it",
        ],
        "sync": [
            "imglife sync",
            "imglife sync --dry-run --entry '*/alpine'",
            "imglife sync --list",
            "imglife sync --output json > report.json",
            "imglife sync --every 6h --metrics-file /var/lib/node_exporter/imglife.prom",
        ],
        "plan": [
            "imglife plan",
            "imglife plan --read-manifests --entry 'docker.io/library/*'",
            "imglife plan --explain docker.io/library/alpine:3.20",
            "imglife plan --output json | jq .totals",
        ],
        "serve": [
            "imglife serve --pull-through",
            "imglife serve --listen :5050 --tls-cert cert.pem --tls-key key.pem --htpasswd users",
        ],
        "export": [
            "imglife export -o bundle.tar",
            "imglife export -o bundle.tar --since receipt.json --volume-size 4GiB",
            "imglife export -o - alpine:3.21 | ssh far-side imglife import -",
        ],
        "import": [
            "imglife import bundle.tar",
            "imglife import --receipt receipt.json --verify-key imglife.key.pub bundle.tar",
        ],
        "receipt": ["imglife receipt -o receipt.json"],
        "keygen": ["imglife keygen -o imglife.key"],
        "cache": [
            "imglife cache stats",
            "imglife cache ls alpine",
            "imglife cache verify --repair",
        ],
        "cache stats": [
            "imglife cache stats",
            "imglife --cache-dir /var/cache/imglife cache stats --output json",
        ],
        "cache ls": [
            "imglife cache ls",
            "imglife cache ls alpine 'registry.example.com/team/*'",
            "imglife cache ls --sort size --digests",
        ],
        "cache verify": [
            "imglife cache verify",
            "imglife cache verify --repair --max-duration 1h",
            "imglife cache verify --subset 1/7",
        ],
        "cache gc": [
            "imglife cache gc --dry-run",
            "imglife cache gc --max-size 50GiB",
            "imglife cache gc --grace 0s",
        ],
        "cache rm": [
            "imglife cache rm alpine:3.18",
            "imglife cache rm --dry-run '*/mirrors/*:*-rc*'",
            "imglife cache rm '*@sha256:*'",
        ],
        "inspect": [
            "imglife inspect alpine:3.21",
            "imglife inspect quay.io/prometheus/node-exporter:v1.9.1 --output json",
        ],
        "eol": [
            "imglife eol",
            "imglife eol --update --fail-within 90d",
        ],
        "client-config": [
            "imglife client-config containerd --url https://mirror.example.com:5050",
            "imglife client-config docker",
        ],
        "init": [
            "imglife init",
            "imglife init --target registry.example.com/mirrors alpine:3.21 quay.io/prometheus/node-exporter:v1.9.1",
        ],
        "convert": [
            "imglife convert regsync.yml > imglife.yaml",
            "helm template ./chart | imglife convert --target registry.example.com/mirrors - > imglife.yaml",
        ],
        "schema": [
            "imglife schema > imglife.schema.json",
            "imglife schema report",
        ],
        "completion": [
            "imglife completion bash > /etc/bash_completion.d/imglife",
            "imglife completion zsh > \"${fpath[1]}/_imglife\"",
            "imglife completion fish > ~/.config/fish/completions/imglife.fish",
        ],
        "version": ["imglife version --output json"],
    ]
}
