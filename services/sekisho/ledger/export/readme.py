"""The bundle's README: what an auditor runs, with no software of ours, in Japanese and English."""

from __future__ import annotations

from typing import Final

README: Final = """\
# 証拠一式（第三者提供記録の台帳） / Evidence bundle (ledger of third-party-provision records)

日本語が先、英語が後です。 Japanese first, English below.

## 何が入っているか

- `provision-records/…`, `solicitation-outcomes/…`, `acts/…`, `meta`: 各ログ。`checkpoint`（署名済みの件数とルート）、`tile/…`（ハッシュ）、
  `tile/entries/…`（葉。個人データを含みません）。形式は C2SP tlog-tiles、tlog-checkpoint、signed-note、RFC 6962 です。
- `payloads/…`: 記録の内容とソルト（base64）。葉の `commit` は SHA-256("sekisho/payload/v1\\0" ‖ ソルト ‖ 内容) です。
- `redacted/…`: 内容を除いた葉の番号。除かれていても葉は検証できます。
- `checkpoints/…`: これまでのすべての署名済みチェックポイント。`proofs/…`: 最初のものからの整合性証明。
- `keys`: 検証鍵（1行に1つ）。`manifest.json`: 件数、時刻、ファイルのSHA-256（`payloads` は葉のコミットメントで確かめるため除く）。
- `auditor/`: 検証用の短いGoプログラム。台帳のソフトウェアには依存しません。

## 検証する

検証鍵は、この一式の `keys` ではなく、**別の経路で受け取ったもの**（または前年に保管したもの）を使ってください。

```sh
cd auditor && go build -o verify . && cd ..
./auditor/verify . 手元の鍵ファイル [昨年のチェックポイント...]
```

`tessera` の `fsck`（公開ツール）でも各ログを検査できます。不一致のとき終わらないことがあるため時間を限り、終了コードではなく
`fsck failed` の有無で判断します。

```sh
go install github.com/transparency-dev/tessera/cmd/fsck@v1.0.4
timeout 300 fsck --ui=false --storage_url=file://$PWD/meta/ --public_key=そのログの鍵を書いたファイル -N=64
```

| 終了コード | 意味 |
|---|---|
| 0 | すべて一致。署名後の記録の改変、期限前の消去、並べ替え、追加はありません（古い状態への巻き戻しと、鍵を持つ者による作り直しは、以前のチェックポイントとの照合が必要です） |
| 1 | 最初の不一致を文で示します。内容が消えているのに削除の葉がない、削除が期限前または法的保全中だった、ルートが違う、ログが欠けている、など |
| 124 | （`timeout`）時間切れ。不合格として扱います |

`auditor/` もこの一式の一部です。短いので読むか、公開されているソースと比べてください。`redacted/` に挙がった内容は、除かれた理由をこの一式からは確かめられません。

台帳のソフトウェアがあれば、保存期限そのものを記録の内容から計算し直すなど、さらに多くを検査できます: `sekisho audit verify --bundle . --keys 手元の鍵ファイル --since 昨年のチェックポイント`

## 来年のために保管するもの

`keys` と、各ログの `checkpoint`（`checkpoints/` 全体でもかまいません）を、台帳の運用者の手が届かない場所に保管してください。末尾の切り捨てや、
鍵を持つ者による書き直しは、**以前のチェックポイントがなければ見つかりません**。

## What is in it

- `provision-records/…`, `solicitation-outcomes/…`, `acts/…`, `meta`: the logs. `checkpoint` (size and root, signed), `tile/…` (hashes),
  `tile/entries/…` (leaves; they hold no personal data). Formats: C2SP tlog-tiles, tlog-checkpoint, signed-note; RFC 6962.
- `payloads/…`: bodies and salts, base64. A leaf's `commit` is SHA-256("sekisho/payload/v1\\0" ‖ salt ‖ body).
- `redacted/…`: indexes of the leaves whose payloads were left out. The leaves verify all the same.
- `checkpoints/…`: every checkpoint ever signed. `proofs/…`: consistency from the first to the newest.
- `keys`: verifier keys, one a line. `manifest.json`: counts, times, SHA-256 of files (not of `payloads`: their leaves commit to them).
- `auditor/`: a short Go program that shares nothing with the ledger's software.

## Verify

Use verifier keys that you got **by another way** than this bundle, or kept from last year, not the file `keys`.

```sh
cd auditor && go build -o verify . && cd ..
./auditor/verify . YOUR_KEYS_FILE [LAST_YEARS_CHECKPOINT...]
```

Tessera's `fsck`, a public tool, checks each log as well. It may hang on a mismatch, so limit its time, and
go by whether it prints `fsck failed`, not by its exit code:

```sh
go install github.com/transparency-dev/tessera/cmd/fsck@v1.0.4
timeout 300 fsck --ui=false --storage_url=file://$PWD/meta/ --public_key=FILE_WITH_THAT_LOGS_KEY -N=64
```

| exit code | meaning |
|---|---|
| 0 | everything holds: no record was altered, removed early, reordered or added after it was signed (a ledger set back to an older state, or made anew by someone who holds its key, shows against last year's checkpoints) |
| 1 | the first fault, in a sentence: a payload gone without a purge leaf, a deletion that was early or under a hold, another root, a log missing, ... |
| 124 | (`timeout`) out of time: treat it as a failure |

`auditor/` is part of the bundle too: read it, it is short, or compare it with the published source. Why the payloads in `redacted/` were
left out cannot be seen from the bundle.

With the ledger's own software more is checked, such as each record's last day, computed anew from its contents:
`sekisho audit verify --bundle . --keys YOUR_KEYS_FILE --since LAST_YEARS_CHECKPOINT`

## What to keep for next year

Keep `keys` and each log's `checkpoint` (or all of `checkpoints/`) where those who run the ledger cannot reach them. A log that was
cut short, or rewritten by someone who holds its key, is found **only by an older checkpoint**.
"""
