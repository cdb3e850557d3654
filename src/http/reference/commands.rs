//! The `boomgate` command that does the same as an operation, where there is one.

/// By operation id. A test gives each to the program's own reader of arguments.
pub(crate) const COMMANDS: [(&str, &str); 23] = [
    ("issueToken", "boomgate token get --client demo-reader"),
    ("issueStandardToken", "boomgate token get --client demo-reader"),
    ("revokeToken", "echo \"$TOKEN\" | boomgate token revoke --client demo-reader"),
    ("introspectToken", "echo \"$TOKEN\" | boomgate token explain"),
    ("getOwnRefusal", "boomgate why 0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c --client demo-reader"),
    ("listClients", "boomgate client list"),
    ("registerClient", "boomgate client add --name Curbside --scope read:zones"),
    ("getClient", "boomgate client show curbside"),
    ("updateClient", "boomgate client edit curbside --daily-quota 20000"),
    ("deleteClient", "boomgate client remove curbside"),
    ("rotateSecret", "boomgate client rotate-secret curbside --previous-expires-in 86400"),
    ("revokeClientTokens", "boomgate client revoke-tokens curbside"),
    ("getClientUsage", "boomgate client usage curbside"),
    ("signReport", "boomgate report sign boomgate-report/report.json"),
    ("revokeAnyToken", "echo \"$TOKEN\" | boomgate token revoke"),
    ("listKeys", "boomgate key list"),
    ("rotateKeys", "boomgate key rotate"),
    ("importKey", "boomgate key import rsa.pem"),
    ("revokeKey", "boomgate key revoke NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
    ("listAuditEntries", "boomgate audit"),
    ("getRefusal", "boomgate why 0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c"),
    ("getOpenApi", "boomgate openapi"),
    ("getReadiness", "boomgate healthcheck"),
];

/// The command for an operation.
pub(super) fn command(id: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(known, _)| *known == id).map(|(_, command)| *command)
}
