"""An index on a Milvus server or cluster, behind the same questions as one in a folder (the extra `milvus`).

`rag.index.Index` and `rag.assistant.Assistant` take its address where they take a folder: see `rag.milvus.address`.
"""
