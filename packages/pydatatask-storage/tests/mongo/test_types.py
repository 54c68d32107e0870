"""Both clients' collections are what the repository asks for, as far as the type checker can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
    from pymongo.asynchronous.collection import AsyncCollection
    from pymongo.asynchronous.database import AsyncDatabase

    from pydatatask_storage.mongo.repository import MongoMetadataRepository

    def motor_collection(collection: Callable[[], AsyncIOMotorCollection[dict[str, Any]]]) -> None:
        MongoMetadataRepository(collection)

    def motor_database(database: Callable[[], AsyncIOMotorDatabase[dict[str, Any]]]) -> None:
        MongoMetadataRepository(database, "records")

    def pymongo_collection(collection: Callable[[], AsyncCollection[dict[str, Any]]]) -> None:
        MongoMetadataRepository(collection)

    def pymongo_database(database: Callable[[], AsyncDatabase[dict[str, Any]]]) -> None:
        MongoMetadataRepository(database, "records")
