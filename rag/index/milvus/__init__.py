"""An index on a Milvus server or cluster, behind the same questions as one in a folder (the extra `milvus`).

`rag.index.index.Index` and `rag.answering.assistant.Assistant` take its address where they take a folder: see
`rag.index.milvus.address`.
"""
